"""The command line of devices."""

import argparse
import sys

from scoring.edge import start
from scoring.edge.problems import EdgeProblem

FAILED = 3


def main() -> int:
    """Read the arguments and do it; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m scoring.edge", description="Slipway on a device.")
    commands = parser.add_subparsers(dest="command", required=True)
    start.add_arguments(commands.add_parser("start", help="serve an unpacked archive"))
    arguments = parser.parse_args()
    try:
        return start.start(arguments)
    except EdgeProblem as problem:
        sys.stderr.write(f"{problem.message}\n{problem.hint}\n")
        return FAILED
