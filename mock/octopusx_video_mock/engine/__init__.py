"""The lifecycle engine: from a request to a response, without I/O."""
