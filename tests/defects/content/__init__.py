"""Videos that are not the task's, not whole, or not there."""
