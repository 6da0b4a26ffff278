"""A task, its id and its video."""
