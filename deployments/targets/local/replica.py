"""One replica: what its run folder says of it, and the steps towards its end."""

import time
from collections.abc import Callable
from types import ModuleType

from deployments.recipe.spec import InstanceSpec
from deployments.targets import log_files
from deployments.targets.local import adoption, process
from deployments.targets.local.endings import failure_of
from deployments.targets.local.reports import common, report
from deployments.targets.local.run_folder import Launch, RunFolder
from deployments.targets.observation import Replica
from deployments.targets.untrusted_files import read_struct, read_untrusted, remove_tree
from scoring.contract import Status

TERM_SECONDS = 12.0  # from asking politely to SIGKILL; a little more than the server takes to finish requests
LOG_BYTES = 8 * 1024 * 1024


def observe(folder: RunFolder, number: int) -> Replica:
    """What is there now."""
    launch = read_struct(folder.launch, Launch)
    if launch is None:
        return Replica(number)
    log_files.rotate(folder.log, LOG_BYTES)
    return _observe_running(folder, number, launch) or observe_ended(folder, number, launch)


def observe_ended(folder: RunFolder, number: int, launch: Launch) -> Replica:
    """How the run of `launch` ended."""
    if folder.stopping.exists():
        return Replica(number)
    status = read_untrusted(folder.status, Status)
    if not folder.exit.exists():
        folder.exit.touch()  # whoever would have noted it is gone too; from now on the end has a time
    failed = status is not None and status.state == "failed"
    return Replica(
        number,
        "failed" if failed else "dead",
        **common(launch, status),
        ended_at=folder.exit.stat().st_mtime,
        failure=failure_of(folder, launch, status, oom_kills=process.oom_kills()),
    )


def _observe_running(folder: RunFolder, number: int, launch: Launch) -> Replica | None:
    """What a living replica says; None when it has ended."""
    if not process.is_held(folder) or (folder.flat and not adoption.server_lives(folder)):
        return None
    return report(folder, number, launch, read_untrusted(folder.status, Status))


def converge(folder: RunFolder, spec: InstanceSpec) -> None:
    """A process is running: keep it if it matches the specification, else take a step towards its end."""
    launch, status = read_struct(folder.launch, Launch), read_untrusted(folder.status, Status)
    if (status and status.state == "failed") or (folder.flat and not adoption.server_lives(folder)):
        _processes(folder).kill(folder)
    elif folder.stopping.exists() or launch is None or not launch.is_of(spec):
        end(folder, lambda: read_struct(folder.launch, Launch) == launch)


def end(folder: RunFolder, is_meant: Callable[[], bool] = lambda: True) -> None:
    """Ask first, kill later. `is_meant` looks once more whether nothing else has been started meanwhile."""
    if not folder.stopping.exists():
        folder.stopping.touch()
        if is_meant():
            _processes(folder).terminate(folder)
        else:
            folder.stopping.unlink(missing_ok=True)
    elif time.time() - _stop_requested_at(folder) > TERM_SECONDS:
        _processes(folder).kill(folder)


def end_if_held(folder: RunFolder) -> bool:
    """Take a step towards the end of what lives in the folder; False when nothing does."""
    held = process.is_held(folder)
    if held:
        end(folder)
    return held


def serve(folder: RunFolder) -> None:
    """Answer at the service's address. Servers look for the file `serving` themselves; the signal only makes them look
    at once."""
    if not folder.serving.exists():
        folder.serving.touch(mode=0o600)
        _request_recheck(folder)


def drain(folder: RunFolder) -> None:
    """Leave the service's address. What does not serve on request can only be ended, which finishes what it is at."""
    launch = read_struct(folder.launch, Launch)
    if launch is not None and not launch.on_request:
        end_if_held(folder)
    elif folder.serving.exists():
        folder.serving.unlink(missing_ok=True)
        _request_recheck(folder)


def clear_last_run(folder: RunFolder) -> None:
    """Stopped on purpose: nothing of the last run counts any more; keys and log stay."""
    for path in (folder.launch, *folder.of_one_run):
        remove_tree(path)


def is_of_another(folder: RunFolder, user: int | None) -> bool:
    """Whether it was started as another user."""
    launch = read_struct(folder.launch, Launch)
    return launch is not None and launch.user != user


def _request_recheck(folder: RunFolder) -> None:
    launch = read_struct(folder.launch, Launch)
    if launch is not None and launch.on_request and process.is_held(folder):
        _processes(folder).request_recheck(folder)


def _processes(folder: RunFolder) -> ModuleType:
    """What signals the processes of this folder."""
    return adoption if folder.flat else process


def _stop_requested_at(folder: RunFolder) -> float:
    """When the process was asked to end; now, if the next one has begun in the meantime."""
    try:
        return folder.stopping.stat().st_mtime
    except FileNotFoundError:
        return time.time()
