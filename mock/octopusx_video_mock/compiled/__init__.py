"""The contract, compiled once so that a server can use it."""
