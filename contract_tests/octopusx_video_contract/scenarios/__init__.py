"""Several requests that belong together: the life of a task, requests at the same moment, and generated ones."""
