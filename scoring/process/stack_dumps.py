"""Python stacks of hung processes, as evidence."""

import signal
import time
from pathlib import Path

from scoring.process.child import Child
from scoring.process.ipc import stack_file

WRITE_SECONDS = 0.3


def dump_stacks(folder: Path, children: list[Child]) -> str:
    """Ask processes for their stacks and give them all."""
    asked = [child for child in children if stack_file(folder, child.slot).exists()]
    for child in asked:
        child.send_signal(signal.SIGUSR2)
    time.sleep(WRITE_SECONDS if asked else 0)
    return "\n".join(stack_file(folder, child.slot).read_text(errors="replace") for child in asked)
