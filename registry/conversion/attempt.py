"""One attempt at a conversion: the environment, the files, and the program that runs in the sandbox."""

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings

from registry.conversion import outcome as outcomes
from registry.conversion.outcome import Outcome
from registry.conversion.requirements import requirements_for
from registry.conversion.sandbox import Ended, Told, run_program
from registry.environments import environments
from registry.environments.interpreters import own
from registry.environments.paths import CURATED_HASH, python_path
from registry.inspection.room import Room, hand_over
from registry.models import Conversion
from registry.store import artifacts
from registry.store.materialise import materialise
from studio.core.errors import BadInput, SlipwayError
from studio.core.job_heartbeat import Heartbeat
from studio.core.tee import Log

MOST_CRASHES = 4  # variants that may each take the process with them


@dataclass
class Attempt:
    """From the environment to what the program told, in `folder`."""

    job: Conversion
    heartbeat: Heartbeat
    lines: Log
    folder: Path
    until: float = field(default_factory=lambda: time.monotonic() + settings.SLIPWAY["CONVERSION_SECONDS"])

    def outcome(self) -> Outcome:
        """Raises `SlipwayError` where the model is refused, the program fails as a whole, or time is up."""
        self.heartbeat.step("environment", 0.02)
        python = self._python()
        self._lay_out()
        skip: dict[str, str] = {}
        while True:
            found, ended = self._run(python, skip)
            if found.refused:
                raise _refusal(found.refused)
            if found.done:
                return found
            if ended.code is None or not found.trying or len(skip) >= MOST_CRASHES:
                raise _crash(ended)
            self.lines.write(
                f"The process died over {found.trying}: {ended.code}. It goes on without.\n{ended.errors}\n"
            )
            skip[found.trying] = outcomes.crashed(found.trying, ended.code)["failure"]

    def _python(self) -> Path:
        """The interpreter in which the model loads. Versions that are ONNX need nothing but the studio's own."""
        version, given = self.job.version, self.job.environment
        if version.framework == "onnx" and given is None:
            return python_path(CURATED_HASH)
        asked = requirements_for(
            version.framework, version.framework_version, version.facts, given.requirements if given else None
        )
        environment = environments.draft(
            workspace=self.job.workspace,
            name="conversion",
            python_version=given.python_version if given else own().minor,
            requirements=asked,
        )
        self.lines.write("".join(f"{line}\n" for line in asked))
        environments.install(environment, self.lines, cancelled=self.heartbeat.is_lost)
        self.heartbeat.check()
        return python_path(environment.definition_hash)

    def _lay_out(self) -> None:
        self.heartbeat.note("reading files", 0.04)
        files = self.folder / "files"
        for file in self.job.version.files.select_related("artifact"):
            materialise(file, files)
            self.heartbeat.check()
        (self.folder / "out").mkdir()
        if self.job.rows:
            with artifacts.open_artifact(self.job.rows) as stored, (self.folder / self._rows_name()).open("wb") as copy:
                shutil.copyfileobj(stored, copy)

    def _rows_name(self) -> str:
        return f"rows.{self.job.rows_form}"

    def _run(self, python: Path, skip: dict[str, str]) -> tuple[Outcome, Ended]:
        task = {
            "folder": str(self.folder / "files"),
            "out": str(self.folder / "out"),
            "main_file": self.job.version.facts.get("main_file", ""),
            "framework": self.job.version.framework,
            "variants": self.job.wanted,
            "skip": skip,
            "rows": str(self.folder / self._rows_name()) if self.job.rows else "",
            "label": self.job.label,
            "memory_bytes": settings.SLIPWAY["CONVERSION_MEMORY_BYTES"],
        }
        (self.folder / "task.json").write_bytes(orjson.dumps(task))
        room = Room(self.folder)
        hand_over(self.folder, room.walls())
        found = Outcome()

        def follow(told: Told) -> None:
            found.add(told)
            if "step" in told:
                self.heartbeat.note(str(told["step"])[:64], min(0.95, max(0.05, _share(told.get("share")))))

        ended = run_program(
            self.folder / "task.json", python, room, until=self.until, on_told=follow, check=self.heartbeat.check
        )
        self.lines.write(ended.errors)
        return found, ended


def _share(given: Any) -> float:
    return float(given) if isinstance(given, int | float) else 0.0


def _refusal(refused: dict[str, str]) -> SlipwayError:
    return BadInput(
        refused.get("message", "")[:2000],
        code=refused.get("code", "conversion_failed")[:64],
        hint=refused.get("hint", "")[:1000],
        evidence=refused.get("evidence", "")[-4000:],
    )


def _crash(ended: Ended) -> SlipwayError:
    if ended.code is None:
        return SlipwayError(
            f"The conversion took longer than {settings.SLIPWAY['CONVERSION_SECONDS']:g} seconds.",
            code="conversion_timeout",
            hint="The model may loop; or raise SLIPWAY_CONVERSION_SECONDS and convert it again.",
        )
    return SlipwayError(
        "The process that loads the model died.",
        code="conversion_crashed",
        hint="It probably needs more memory than SLIPWAY_CONVERSION_MEMORY_BYTES allows, or a library of it crashed.",
        evidence=f"exit status {ended.code}\n{ended.errors}",
    )
