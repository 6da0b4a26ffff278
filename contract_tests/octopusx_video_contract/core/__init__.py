"""A run: what sends, what may be spent, and what is found."""
