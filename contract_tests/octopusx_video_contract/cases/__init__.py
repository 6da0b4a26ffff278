"""What is sent: requests drawn from the contract, valid and invalid. Nothing here does I/O."""
