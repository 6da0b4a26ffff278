"""Tasks that live otherwise than the contract says."""
