"""A process forked from this one, and how to wait for it and end it.

Not `multiprocessing`: a script must find itself in an ordinary main process, whose name and children are its own.
"""

import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Collection
from types import ModuleType

POLL_SECONDS = 0.01
HANDLED_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Forked:
    """Runs `work` in a copy of this process and ends it with the code that `work` gives.

    The copy keeps the standard streams (its input is empty) and the descriptors `kept`, no other ones, and none of
    this process's signal handlers.
    """

    def __init__(self, work: Callable[[], int], kept: Collection[int]) -> None:
        self.returncode: int | None = None  # negative: ended by that signal
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of other threads: none holds what `work` needs
            self.pid = os.fork()
        if self.pid == 0:
            _run_child(work, kept)

    def poll(self) -> int | None:
        """Its exit code, None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, seconds: float | None = None) -> int:
        """Wait for its end; TimeoutError after so many seconds."""
        end = None if seconds is None else time.monotonic() + seconds
        while (code := self.poll()) is None:
            if end is not None and time.monotonic() > end:
                raise TimeoutError(f"process {self.pid} has not ended within {seconds} s")
            time.sleep(POLL_SECONDS)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


def _run_child(work: Callable[[], int], kept: Collection[int]) -> None:
    """The copy's whole life; nothing returns from here."""
    code = 1
    try:
        _reset_inherited_state(kept)
        code = work()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # what the original has registered for its end is not the copy's to do


def _reset_inherited_state(kept: Collection[int]) -> None:
    signal.set_wakeup_fd(-1)
    for number in HANDLED_SIGNALS:
        if callable(signal.getsignal(number)):  # what was ignored from the beginning stays so
            signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    first = 3
    for descriptor in [*sorted(kept), os.sysconf("SC_OPEN_MAX")]:
        os.closerange(first, descriptor)
        first = descriptor + 1
    # As a program given on the command line has it: what spawns processes must not look for our own main module.
    sys.modules["__main__"] = ModuleType("__main__")
    sys.argv = ["-c"]
