"""One program under watch: its process, its output, and when it may be started again."""

import os
import signal
import subprocess
import time
from contextlib import suppress

from studio.core.secret_environment import without_secrets
from studio.stack.children import Forked, run_command, run_function
from studio.stack.console import Lines
from studio.stack.programs import Program

FIRST_PAUSE, LONGEST_PAUSE = 0.3, 15.0  # seconds before a dead program is started again
STEADY = 20.0  # a program that lived this long starts over with the first pause


class Watched:
    def __init__(self, program: Program, environment: dict[str, str]) -> None:
        self.program = program
        self.environment = environment
        self.process: subprocess.Popen[bytes] | Forked | None = None
        self.output = -1  # descriptor of what it prints
        self.lines = Lines(program.name, program.unprinted)
        self.started = 0.0
        self.pause = FIRST_PAUSE
        self.due = 0.0  # monotonic time from which it may be started

    def start(self) -> None:
        """Start it in a process group of its own, its output in a pipe."""
        self.output, write_end = os.pipe()
        os.set_blocking(self.output, False)
        program = self.program
        environment = self.environment if program.knows_secrets else without_secrets(self.environment)
        if program.function:
            self.process = run_function(program.function, environment, write_end)
        else:
            self.process = run_command(program.command or [], environment, write_end, outlives=program.outlives)
        os.close(write_end)
        self.started = time.monotonic()

    def signal(self, number: int) -> None:
        """To the process alone for a polite end; to its whole group when it is to be killed."""
        if self.process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            if number == signal.SIGKILL:
                os.killpg(self.process.pid, number)
            elif self.process.poll() is None:
                os.kill(self.process.pid, number)

    def read(self) -> None:
        """Print what came since the last time."""
        with suppress(BlockingIOError):
            while data := os.read(self.output, 65536):
                self.lines.feed(data)

    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def reap(self) -> str:
        """Reap a program that has exited, and kill what it left behind; how it ended, in words."""
        code = (self.process.returncode if self.process else 0) or 0
        self.read()  # what it printed last
        self.lines.close()
        os.close(self.output)
        if not self.program.outlives:  # what it left behind serves on, for the next one to take over
            self.signal(signal.SIGKILL)
        lived = time.monotonic() - self.started
        self.pause = FIRST_PAUSE if lived > STEADY else min(self.pause * 2, LONGEST_PAUSE)
        self.due = time.monotonic() + self.pause
        self.process = None
        return f"signal {-code}" if code < 0 else f"exit code {code}"
