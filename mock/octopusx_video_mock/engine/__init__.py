"""The lifecycle engine: a request goes in, a response comes out."""
