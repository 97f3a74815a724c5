"""`python -m scoring.edge`: start an archive on this device, or run the agent. Standard library alone."""

import sys

from scoring.edge.command import main

if __name__ == "__main__":
    sys.exit(main())
