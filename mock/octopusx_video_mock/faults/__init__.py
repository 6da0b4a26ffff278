"""What can go wrong, and which of it is switched on."""
