"""The command ``octopusx-video``, which ``octopusx_video.cli`` starts."""
