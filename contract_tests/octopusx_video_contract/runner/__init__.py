"""Runs the suite in pytest: its target, what is selected, and its reports."""
