"""One attempt to resolve or install an environment; `environments.py` decides when. Knows no tables."""

import os
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import IO, TypeVar

from django.conf import settings

from registry.environments import uv
from registry.environments.build_room import BuildRoom, build_room
from registry.environments.interpreters import Interpreter, interpreter_for, own
from registry.environments.uv import Limits, Sources
from registry.environments.uv_failures import IndexUnreachable, InstallFailed, Unsolvable, failure_of
from registry.environments.wheel_places import PRIVATE, files_in, with_places, without_places
from studio.core.errors import BadInput, SlipwayError
from studio.core.tee import Log

_TORCH_BUILD = re.compile(r"torch(?:vision|audio)?==[\w.]+\+(cpu|cu\d{3})\b")
LOCK_NAME = "requirements.lock"
Result = TypeVar("Result")
Attempt = Callable[[Sources, bool, BuildRoom | None], Result]  # from where, from the cache alone, behind which walls


class Installation:
    """`requirements` are the definition's, `runtime` the scoring server's, `private` a folder of wheels. Messages go to
    `log` as they come. `for_image`: its Python need not be on this machine."""

    def __init__(
        self,
        python_version: str,
        requirements: Sequence[str],
        *,
        runtime: Sequence[str],
        limits: Limits,
        log: Log | None = None,
        private: str = "",
        for_image: bool = False,
    ) -> None:
        self._python_version, self._requirements, self._runtime = python_version, list(requirements), list(runtime)
        self._limits, self._log = limits, log or StringIO()
        self._sources = replace(sources(), private=private)
        self._for_image = for_image

    @property
    def python(self) -> Interpreter:
        return interpreter_for(self._python_version)

    def resolve(self) -> str:
        """The lock: every package with its exact version and the hashes of its files."""
        python, foreign = self._resolver()
        wheels = files_in(self._sources.private)
        self._log_line("Resolving the requirements.")
        with tempfile.TemporaryDirectory(prefix="slipway-resolve-") as name:
            folder = Path(name)
            (folder / "environment.in").write_text("\n".join([*self._requirements, ""]))
            (folder / "scoring-server.in").write_text("\n".join([*self._runtime, ""]))
            (folder / PRIVATE).write_text("\n".join([*(wheel.line for wheel in wheels), ""]))

            def attempt(sources: Sources, cached_only: bool, room: BuildRoom | None) -> str:
                inputs = ["environment.in", "scoring-server.in", *([PRIVATE] if wheels else [])]
                arguments = uv.compile_arguments(python, sources, inputs, cached_only=cached_only, version=foreign)
                with tempfile.TemporaryFile() as result:
                    self._run(arguments, folder, result, room)
                    result.seek(0)
                    return result.read().decode()

            return without_places(self._wheels_first(attempt, folder, python, may_build=not foreign), wheels)

    def _resolver(self) -> tuple[Path, str]:
        """The Python that resolves, and the version that it resolves for where that is another one."""
        try:
            return self.python.path, ""
        except BadInput:
            if not self._for_image:
                raise
            return own().path, self._python_version

    def install(self, folder: Path, lock: str) -> None:
        """Make the virtual environment at `folder` and put exactly the locked files into it."""
        self._log_line(f"Making a virtual environment with Python {self.python.version}.")
        self._run(uv.venv_arguments(self.python.path, folder), folder.parent)
        (folder / LOCK_NAME).write_text(lock)
        self._log_line("Installing the locked packages.")
        placed = self._with_private_files(folder / LOCK_NAME)

        def attempt(sources: Sources, cached_only: bool, room: BuildRoom | None) -> None:
            arguments = uv.sync_arguments(folder, placed, sources, cached_only=cached_only)
            self._run(arguments, folder, room=room)

        self._wheels_first(attempt, folder, self.python.path)

    def _with_private_files(self, lock: Path) -> Path:
        """The lock that names private wheels where they lie now; the lock itself where there are none."""
        if not self._sources.private:
            return lock
        placed = Path(self._sources.private) / LOCK_NAME
        placed.write_text(with_places(lock.read_text(), files_in(self._sources.private)))
        return placed

    def _wheels_first(self, attempt: Attempt[Result], folder: Path, python: Path, *, may_build: bool = True) -> Result:
        """With wheels alone nothing of a package runs. What has none is built behind walls, if the studio may build."""
        wheels_only = replace(self._sources, wheels_only=True)
        try:
            return self._with_torch_index(wheels_only, lambda sources, cached: attempt(sources, cached, None))
        except SlipwayError as error:
            if self._sources.wheels_only or not may_build or error.code != "package_unbuildable":
                raise
        self._log_line("A package has no wheel: building it from source, behind walls.")
        places = (self._sources.wheels, self._sources.private, os.environ.get("SSL_CERT_FILE", ""))
        with build_room(folder, python, tuple(Path(one) for one in places if one)) as room:
            return self._with_torch_index(self._sources, lambda sources, cached: attempt(sources, cached, room))

    def _with_torch_index(self, sources: Sources, attempt: Callable[[Sources, bool], Result]) -> Result:
        """Builds of PyTorch such as 2.13.0+cpu are on an index of its own, which is asked where nobody else has it."""
        try:
            return self._try_cache_too(lambda cached_only: attempt(sources, cached_only))
        except Unsolvable:
            backend = next(filter(None, map(_torch_backend, self._requirements)), "")
            if not backend or sources.offline:
                raise
        self._log_line(f"Asking PyTorch's own package index for its builds for {backend}.")
        return self._try_cache_too(lambda cached_only: attempt(replace(sources, torch_backend=backend), cached_only))

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


def _torch_backend(requirement: str) -> str:
    """The build of PyTorch's that a requirement pins, such as cpu; "" for none."""
    found = _TORCH_BUILD.match(requirement)
    return found[1] if found else ""


def sources() -> Sources:
    """Where packages come from, by the settings. Raises when the folder of wheels is not there."""
    wheels = settings.SLIPWAY["WHEELS"]
    if wheels and not Path(wheels).is_dir():
        raise InstallFailed(
            f"The folder of wheels {wheels} does not exist.", hint="Correct SLIPWAY_WHEELS and start the studio again."
        )
    folder = str(Path(wheels).resolve()) if wheels else ""
    return Sources(folder, settings.SLIPWAY["OFFLINE"], settings.SLIPWAY["WHEELS_ONLY"])
