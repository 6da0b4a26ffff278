"""The file of a video."""
