"""Batches: a file of jobs, each paid at most once. ``octopusx_video.batch`` has what is public."""
