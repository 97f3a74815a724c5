"""The command line of devices."""

import argparse
import sys
from pathlib import Path

from scoring.edge import agent, start
from scoring.edge.agent_settings import read_settings
from scoring.edge.problems import EdgeProblem

FAILED = 3


def main() -> int:
    """Read the arguments and do it; gives the exit code."""
    arguments = _parser().parse_args()
    try:
        if arguments.command == "start":
            return start.start(arguments)
        return agent.run_agent(read_settings(arguments.folder))
    except EdgeProblem as problem:
        sys.stderr.write(f"{problem.message}\n{problem.hint}\n")
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scoring.edge", description="Slipway on a device.")
    commands = parser.add_subparsers(dest="command", required=True)
    start.add_arguments(commands.add_parser("start", help="serve an unpacked archive"))
    running = commands.add_parser("agent", help="run what the studio wants, until it is ended")
    running.add_argument("folder", type=Path, help="folder with agent.json; everything else goes there, too")
    return parser
