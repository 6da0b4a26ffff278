from tests.campaigns.mutants.campaign import main

raise SystemExit(main())
