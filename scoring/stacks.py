"""Where processes hang: their Python stacks, as evidence for a start that took too long."""

import signal
import time
from pathlib import Path

from scoring.child import Child
from scoring.shared import stack_file

WRITE_SECONDS = 0.3


def stacks_of(folder: Path, children: list[Child]) -> str:
    """Ask every loading process for its stacks and give them all."""
    loading = [child for child in children if not child.ready and stack_file(folder, child.slot).exists()]
    for child in loading:
        child.tell(signal.SIGUSR2)
    time.sleep(WRITE_SECONDS if loading else 0)
    return "\n".join(stack_file(folder, child.slot).read_text(errors="replace") for child in loading)
