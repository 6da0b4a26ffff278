"""What performs the flows, on httpx."""
