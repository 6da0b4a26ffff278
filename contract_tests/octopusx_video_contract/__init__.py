"""A suite that holds a server, mock or real, to the contract. Run it as ``octopusx-video-contract``."""
