"""Batches: jobs that are each paid for at most once. ``octopusx_video.batch`` has what is public."""
