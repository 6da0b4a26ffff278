"""What must hold of responses, by the contract. Nothing here does I/O."""
