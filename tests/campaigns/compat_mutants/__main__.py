import sys

from tests.campaigns.compat_mutants.campaign import main

sys.exit(main())
