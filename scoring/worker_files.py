"""Names of files that master and workers share in the run folder."""

from pathlib import Path


def stack_file(folder: Path, slot: int) -> Path:
    """Where a worker writes the Python stacks of its threads on SIGUSR2."""
    return folder / f"stacks-{slot}.txt"
