"""The lifecycle engine as an HTTP server."""
