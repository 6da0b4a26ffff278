"""Asks a server what the documentation does not say, and proposes changes of the contract."""
