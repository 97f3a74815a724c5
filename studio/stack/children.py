"""Two ways to start a child that ends with its parent: a command line, or a function in a forked copy of us."""

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from studio.core.secret_environment import hand_over
from studio.stack.lifeline import die_with_parent


class Forked:
    """The part of `subprocess.Popen` that the supervisor uses, for a child made by fork."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            found, status = os.waitpid(self.pid, os.WNOHANG)
            if found:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


def run_command(
    command: list[str], environment: Mapping[str, str], output: int, *, outlives: bool = False
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, so that Ctrl-C reaches only the supervisor. It finds secrets with
    `secret_environment.restore`. With `outlives` it does not end with its parent."""
    shown, secrets = hand_over(environment)
    try:
        return subprocess.Popen(
            command,
            env=shown,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[secrets] if secrets >= 0 else [],
            start_new_session=True,
            preexec_fn=partial(die_with_parent, os.getpid()) if sys.platform == "linux" and not outlives else None,  # noqa: PLW1509 - single-threaded
        )
    finally:
        if secrets >= 0:
            os.close(secrets)


def run_function(function: Callable[[], Any], environment: dict[str, str], output: int) -> Forked:
    """Run `function` in a forked child. Its result, or the code of its SystemExit, is the exit code."""
    _flush()
    supervisor = os.getpid()
    pid = os.fork()
    if pid:
        return Forked(pid)
    code = 1
    try:
        _detach(supervisor, environment, output)
        code = int(function() or 0)
    except SystemExit as reason:
        code = reason.code if isinstance(reason.code, int) else int(reason.code is not None)
    except BaseException:  # the child must never return into the supervisor's loop
        traceback.print_exc()
    finally:
        _flush()
        os._exit(code)


def _flush() -> None:
    """Leave nothing that both copies would print. Where output goes to a full disk or a closed terminal, go on."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()


def _detach(supervisor: int, environment: dict[str, str], output: int) -> None:
    """Let go of what belongs to the supervisor: its terminal, its signals, its descriptors."""
    os.setsid()
    die_with_parent(supervisor)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.environ.clear()
    os.environ.update(environment)
