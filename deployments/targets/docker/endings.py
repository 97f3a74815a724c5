"""Pure: why a container has ended, from its exit code and whether its memory ran out."""

import signal
from collections.abc import Mapping
from typing import Any

KILLED = 128 + signal.SIGKILL
NOT_RUN = frozenset({126, 127})  # the program cannot be run, or is not there


def ending(state: Mapping[str, Any]) -> tuple[str, str]:
    """Reason and sentence for a container's `State`. The flag alone says little: a process that was killed for memory
    while the server went on raises it, too."""
    code = int(state.get("ExitCode", 0))
    if state.get("Error"):
        return "internal", f"The engine could not run the container: {state['Error']}"
    if code in NOT_RUN:
        return "internal", "The image has no interpreter that could be started."
    if code == KILLED and state.get("OOMKilled"):
        return "out_of_memory", "The container used all of its memory, and the kernel killed the service."
    if code == KILLED:
        return "worker_crashed", "The container was killed (SIGKILL), by somebody or for want of memory of its machine."
    if code > 128:
        return "worker_crashed", f"The server was ended by {_signal_name(code - 128)}."
    return "worker_crashed", f"The container ended with exit code {code}."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
