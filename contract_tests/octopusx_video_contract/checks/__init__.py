"""What the contract says of responses, and of those about one task. Nothing here does I/O."""
