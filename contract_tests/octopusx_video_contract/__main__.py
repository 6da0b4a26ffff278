import sys

from octopusx_video_contract.cli import main

sys.exit(main())
