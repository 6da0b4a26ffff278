from octopusx_video.cli import main

main()
