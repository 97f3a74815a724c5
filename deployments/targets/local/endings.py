"""How a service ended: from what it reported of itself, or from its exit status."""

import signal

from deployments.targets import log_files
from deployments.targets.local.run_folder import Launch, RunFolder
from deployments.targets.observation import Failure
from scoring.contract import Status

NOT_WALLED = 125  # the keeper's exit codes: the walls could not be built
NOT_STARTED = frozenset({126, 127})  # or the interpreter could not be run


def failure_of(folder: RunFolder, launch: Launch, status: Status | None, *, oom_kills: int) -> Failure:
    """Why the last run is over. `oom_kills` is the machine's count of out-of-memory kills now."""
    if status and status.state == "failed" and status.failure:
        failure = status.failure
        return Failure(failure.reason, failure.message, failure.evidence or log_files.tail(folder.log), failure.hint)
    memory_ran_out = oom_kills > launch.oom_kills
    reason, message = ending(_exit_code(folder), memory_ran_out=memory_ran_out)
    return Failure(reason, message, log_files.tail(folder.log))


def ending(code: int | None, *, memory_ran_out: bool) -> tuple[str, str]:
    """Pure: reason and sentence for an exit status as a shell reports it (128 + number of the signal)."""
    if code is None:
        return "worker_crashed", "The service's processes were killed, or the machine was restarted."
    if code == NOT_WALLED:
        return "internal", "The walls around the service's code could not be built."
    if code in NOT_STARTED:
        return "internal", "The interpreter of the service's environment could not be started."
    if code == 128 + signal.SIGKILL and memory_ran_out:
        return "out_of_memory", "The machine ran out of memory and its kernel killed the service."
    if code > 128:
        return "worker_crashed", f"The server was ended by {_signal_name(code - 128)}."
    return "worker_crashed", f"The server ended with exit code {code}."


def _exit_code(folder: RunFolder) -> int | None:
    try:
        return int(folder.exit.read_text())
    except (OSError, ValueError):
        return None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
