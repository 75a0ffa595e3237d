"""`python -m scanning.agent`."""

import sys

from scanning.agent.main import main

sys.exit(main())
