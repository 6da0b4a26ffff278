import sys

from octopusx_video_mock.cli import main

sys.exit(main())
