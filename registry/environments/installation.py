"""One attempt to resolve or install an environment; `environments.py` decides when. Knows no tables."""

import tempfile
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import IO, TypeVar

from django.conf import settings

from registry.environments import uv
from registry.environments.interpreters import Interpreter, interpreter_for
from registry.environments.uv import Limits, Sources
from registry.environments.uv_failures import IndexUnreachable, InstallFailed, failure_of
from studio.core.errors import SlipwayError
from studio.core.tee import Log

LOCK_NAME = "requirements.lock"
Result = TypeVar("Result")


class Installation:
    """`requirements` are the definition's, `runtime` the scoring server's. Messages go to `log` as they come."""

    def __init__(
        self,
        python_version: str,
        requirements: Sequence[str],
        *,
        runtime: Sequence[str],
        limits: Limits,
        log: Log | None = None,
    ) -> None:
        self._python_version, self._requirements, self._runtime = python_version, list(requirements), list(runtime)
        self._limits, self._log = limits, log or StringIO()
        self._sources = sources()

    @property
    def python(self) -> Interpreter:
        return interpreter_for(self._python_version)

    def resolve(self) -> str:
        """The lock: every package with its exact version and the hashes of its files."""
        python = self.python.path
        self._log_line("Resolving the requirements.")
        with tempfile.TemporaryDirectory(prefix="slipway-resolve-") as name:
            folder = Path(name)
            (folder / "environment.in").write_text("\n".join([*self._requirements, ""]))
            (folder / "scoring-server.in").write_text("\n".join([*self._runtime, ""]))

            def attempt(cached_only: bool) -> str:
                arguments = uv.compile_arguments(
                    python, self._sources, ["environment.in", "scoring-server.in"], cached_only=cached_only
                )
                with (folder / LOCK_NAME).open("w+b") as result:
                    self._run(arguments, folder, result)
                return (folder / LOCK_NAME).read_text()

            return self._try_cache_too(attempt)

    def install(self, folder: Path, lock: str) -> None:
        """Make the virtual environment at `folder` and put exactly the locked files into it."""
        self._log_line(f"Making a virtual environment with Python {self.python.version}.")
        self._run(uv.venv_arguments(self.python.path, folder), folder.parent)
        (folder / LOCK_NAME).write_text(lock)
        self._log_line("Installing the locked packages.")
        self._try_cache_too(
            lambda cached_only: self._run(
                uv.sync_arguments(folder, folder / LOCK_NAME, self._sources, cached_only=cached_only), folder
            )
        )

    def _try_cache_too(self, attempt: Callable[[bool], Result]) -> Result:
        """Without the index, what earlier installations left on this machine may still be enough."""
        try:
            return attempt(False)
        except IndexUnreachable as unreachable:
            self._log_line("The package index cannot be reached; trying with what this machine has already.")
            try:
                return attempt(True)
            except SlipwayError:
                raise unreachable from None  # "incompatible" would be wrong: the index was not consulted

    def _run(self, arguments: list[str], folder: Path, result: IO[bytes] | None = None) -> None:
        outcome = uv.run(arguments, folder=folder, log=self._log, limits=self._limits, result=result)
        if not outcome.ok:
            raise failure_of(outcome, self._requirements, self._sources)

    def _log_line(self, line: str) -> None:
        self._log.write(f"{line}\n")
        self._log.flush()


def sources() -> Sources:
    """Where packages come from, by the settings. Raises when the folder of wheels is not there."""
    wheels = settings.SLIPWAY["WHEELS"]
    if wheels and not Path(wheels).is_dir():
        raise InstallFailed(
            f"The folder of wheels {wheels} does not exist.", hint="Correct SLIPWAY_WHEELS and start the studio again."
        )
    folder = str(Path(wheels).resolve()) if wheels else ""
    return Sources(folder, settings.SLIPWAY["OFFLINE"], settings.SLIPWAY["WHEELS_ONLY"])
