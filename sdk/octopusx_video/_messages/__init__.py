"""What is sent and what arrives, and what the contract says of it."""
