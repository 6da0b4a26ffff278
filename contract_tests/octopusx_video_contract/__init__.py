"""A suite that tests a server, mock or real, against the contract. Run it as ``octopusx-video-contract``."""
