"""Sends requests, each once, and only what the budget allows."""
