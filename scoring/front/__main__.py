"""`python -m scoring.front <settings.json>`: the front, as scoring/front_contract.py describes it."""

import sys
from pathlib import Path

from scoring.front.keeper import Keeper

if len(sys.argv) != 2:
    sys.exit("usage: python -m scoring.front <settings.json>")
sys.exit(Keeper(Path(sys.argv[1]).absolute()).run())
