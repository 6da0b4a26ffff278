import sys

from octopusx_video_contract.command import main

sys.exit(main())
