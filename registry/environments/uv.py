"""Calling uv: argument lists, bounded runs whose output is passed on as it comes.

The lists are pure; `run` executes one and gives its exit status and text. Nothing goes through a shell.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import uv

from registry.environments.build_room import BuildRoom
from scoring.opt_outs import OPT_OUTS
from studio.core.parent_death import die_with_parent_prefix
from studio.core.tee import Log
from studio.sandbox.request import keeper_command

# What a resolver and the builds it may start get to see; the studio's own secrets are not among it.
PASSED_ON = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "NETRC")
PASSED_ON_PREFIXES = ("UV_", "SSL_CERT_")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
CHECK_SECONDS = 0.2
KEEPER_SECONDS = 5.0  # in which a keeper ends all that it keeps
MAX_OUTPUT = 200_000  # characters kept for the error; the log gets everything


@dataclass(frozen=True)
class Sources:
    """Where packages come from: folders of wheels (`private` has those of one environment), and the index unless
    `offline`. `wheels_only`: what would have to be built, which runs code of its maker, is refused. `torch_backend`
    adds PyTorch's own index, which has its builds such as 2.13.0+cpu."""

    wheels: str = ""
    offline: bool = False
    wheels_only: bool = False
    private: str = ""
    torch_backend: str = ""

    def arguments(self) -> list[str]:
        folders = [folder for folder in (self.wheels, self.private) if folder]
        found = [word for folder in folders for word in ("--find-links", folder)]
        found += ["--no-index"] if self.offline else []
        found += ["--torch-backend", self.torch_backend] if self.torch_backend else []
        return found + (["--no-build"] if self.wheels_only else [])


@dataclass(frozen=True)
class Limits:
    """When to give up: at `deadline` (monotonic seconds), or as soon as `cancelled` says so."""

    deadline: float
    cancelled: Callable[[], bool] = field(default=lambda: False)


@dataclass(frozen=True)
class Outcome:
    returncode: int
    output: str
    ended: str = ""  # "timeout" or "cancelled" when it was stopped from here

    @property
    def ok(self) -> bool:
        return self.returncode == 0 and not self.ended


def compile_arguments(
    python: Path, sources: Sources, inputs: list[str], *, cached_only: bool = False, version: str = ""
) -> list[str]:
    """Resolve `inputs` (requirements files) for this interpreter; the lock goes to standard output. `version` names
    another Python, one of an image, that `python` only resolves for."""
    return [
        *_uv("pip", "compile"),
        "--generate-hashes",
        "--no-header",
        *("--python", str(python)),
        *(["--python-version", version, "--python-platform", "linux"] if version else []),
        *sources.arguments(),
        *(["--offline"] if cached_only else []),
        *inputs,
    ]


def venv_arguments(python: Path, folder: Path) -> list[str]:
    """A relocatable environment: it is made under a draft's name and renamed when it is whole."""
    return [*_uv("venv"), "--quiet", "--relocatable", "--no-project", "--python", str(python), str(folder)]


def sync_arguments(folder: Path, lock: Path, sources: Sources, *, cached_only: bool = False) -> list[str]:
    """Install exactly the lock's files; one whose hash differs is refused."""
    return [
        *_uv("pip", "sync"),
        "--require-hashes",
        *("--python", str(folder / "bin" / "python")),
        *sources.arguments(),
        *(["--offline"] if cached_only else []),
        str(lock),
    ]


def python_list_arguments() -> list[str]:
    return [*_uv("python", "list"), "--only-installed", "--output-format", "json"]


def _uv(*verb: str) -> list[str]:
    return [uv.find_uv_bin(), *verb, "--no-python-downloads", "--color", "never", "--no-progress"]


def environment_variables() -> dict[str, str]:
    """The few variables of ours that uv and the builds it may start get."""
    return OPT_OUTS | {
        name: value
        for name, value in os.environ.items()
        if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES) or name.upper() in PROXIES
    }


def run(
    arguments: list[str],
    *,
    folder: Path,
    log: Log,
    limits: Limits,
    result: IO[bytes] | None = None,
    room: BuildRoom | None = None,
) -> Outcome:
    """Run in `folder`; messages go to `log` line by line, standard output to `result` if given. With `room` it runs
    there, behind walls.

    Its own process group, so that everything it started ends with it. It ends with us too: left alone it would
    go on writing where the next attempt cleans up, and hold the locks of uv's cache.
    """
    variables = environment_variables()
    with subprocess.Popen(
        keeper_command() if room else [*die_with_parent_prefix(), *arguments],
        cwd="/" if room else folder,
        env={"LANG": "C.UTF-8"} if room else variables,
        stdin=subprocess.PIPE if room else subprocess.DEVNULL,
        stdout=result or subprocess.PIPE,
        stderr=subprocess.PIPE if result else subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        guard = _Guard(process, limits, is_keeper=room is not None)
        try:
            if room and process.stdin:
                with process.stdin as keeper, suppress(BrokenPipeError):  # one that has ended says why by its exit code
                    keeper.write(room.request(arguments, variables).decode())
            output = _pass_on(process.stderr if result else process.stdout, log)
            returncode = process.wait()
        finally:
            guard.close()
    return Outcome(returncode, output, guard.ended)


def _pass_on(lines: IO[str] | None, log: Log) -> str:
    kept, length = [], 0
    for line in lines or ():
        log.write(line)
        log.flush()
        if length < MAX_OUTPUT:
            kept.append(line)
            length += len(line)
    return "".join(kept)


class _Guard:
    """Watches a process from a thread and kills its group at the deadline, when cancelled, or when closed."""

    def __init__(self, process: subprocess.Popen[str], limits: Limits, *, is_keeper: bool = False) -> None:
        self.ended = ""
        self._process, self._limits, self._closed = process, limits, threading.Event()
        self._is_keeper = is_keeper
        self._thread = threading.Thread(target=self._watch, name="uv-guard", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._closed.wait(CHECK_SECONDS):
            if time.monotonic() > self._limits.deadline:
                self.ended = "timeout"
            elif self._limits.cancelled():
                self.ended = "cancelled"
            if self.ended:
                return self._kill()
        return None

    def _kill(self) -> None:
        if self._process.returncode is None:
            if self._is_keeper:
                self._process.send_signal(signal.SIGQUIT)  # it ends what has left the group, too
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(KEEPER_SECONDS)
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        self._kill()
