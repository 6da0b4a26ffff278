"""Requests and responses: what is sent, what arrives, and how both are shown."""
