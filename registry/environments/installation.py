"""One attempt to resolve or install an environment; `environments.py` decides when. Knows no tables."""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import IO, TypeVar

from django.conf import settings

from registry.environments import uv
from registry.environments.build_room import BuildRoom, build_room
from registry.environments.interpreters import Interpreter, interpreter_for
from registry.environments.uv import Limits, Sources
from registry.environments.uv_failures import IndexUnreachable, InstallFailed, failure_of
from studio.core.errors import SlipwayError
from studio.core.tee import Log

LOCK_NAME = "requirements.lock"
Result = TypeVar("Result")
Attempt = Callable[[Sources, bool, BuildRoom | None], Result]  # from where, from the cache alone, behind which walls


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

            def attempt(sources: Sources, cached_only: bool, room: BuildRoom | None) -> str:
                inputs = ["environment.in", "scoring-server.in"]
                arguments = uv.compile_arguments(python, sources, inputs, cached_only=cached_only)
                with tempfile.TemporaryFile() as result:
                    self._run(arguments, folder, result, room)
                    result.seek(0)
                    return result.read().decode()

            return self._wheels_first(attempt, folder, python)

    def install(self, folder: Path, lock: str) -> None:
        """Make the virtual environment at `folder` and put exactly the locked files into it."""
        self._log_line(f"Making a virtual environment with Python {self.python.version}.")
        self._run(uv.venv_arguments(self.python.path, folder), folder.parent)
        (folder / LOCK_NAME).write_text(lock)
        self._log_line("Installing the locked packages.")

        def attempt(sources: Sources, cached_only: bool, room: BuildRoom | None) -> None:
            arguments = uv.sync_arguments(folder, folder / LOCK_NAME, sources, cached_only=cached_only)
            self._run(arguments, folder, room=room)

        self._wheels_first(attempt, folder, self.python.path)

    def _wheels_first(self, attempt: Attempt[Result], folder: Path, python: Path) -> Result:
        """With wheels alone nothing of a package runs. What has none is built behind walls, if the studio may build."""
        wheels_only = replace(self._sources, wheels_only=True)
        try:
            return self._try_cache_too(lambda cached_only: attempt(wheels_only, cached_only, None))
        except SlipwayError as error:
            if self._sources.wheels_only or error.code != "package_unbuildable":
                raise
        self._log_line("A package has no wheel: building it from source, behind walls.")
        reads = tuple(Path(one) for one in (self._sources.wheels, os.environ.get("SSL_CERT_FILE", "")) if one)
        with build_room(folder, python, reads) as room:
            return self._try_cache_too(lambda cached_only: attempt(self._sources, cached_only, room))

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

    def _run(
        self, arguments: list[str], folder: Path, result: IO[bytes] | None = None, room: BuildRoom | None = None
    ) -> None:
        outcome = uv.run(arguments, folder=folder, log=self._log, limits=self._limits, result=result, room=room)
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
