"""Conversions: asked for by people, made by a worker in a sandbox, one at a time on a machine."""

import io
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from registry.conversion import outcome as outcomes
from registry.conversion.inside.verdicts import Gates
from registry.conversion.outcome import Outcome
from registry.conversion.registering import register_variant
from registry.conversion.requirements import requirements_for
from registry.conversion.sandbox import Ended, Told, run_program, written_file
from registry.conversion.variant_names import CONVERTING, OPTIMISING, VARIANTS
from registry.environments import environments
from registry.environments.interpreters import own
from registry.environments.paths import CURATED_HASH, python_path
from registry.events import VERSION_CONVERTED
from registry.inspection.room import Room, hand_over
from registry.models import Conversion, ConversionVariant, Environment, ModelVersion, VersionState
from registry.store import artifacts
from registry.store.materialise import materialise
from registry.versions.registration import find_version
from scoring.pickled_names import is_trouble
from studio.accounts.models import User, Workspace
from studio.activity.recording import record
from studio.core.atomic_folders import exclusive
from studio.core.enqueue import create_job
from studio.core.errors import BadInput, Conflict, NotFound, SlipwayError
from studio.core.job_heartbeat import Heartbeat, LeaseLost
from studio.core.jobs import JobState
from studio.core.tee import Log

log = logging.getLogger(__name__)
MOST_ROW_BYTES = 32 * 1024 * 1024
MOST_CRASHES = 4  # variants that may each take the process with them


@dataclass(frozen=True)
class ConversionRequest:
    """`model` is 'name:number'. `variants`: names, or none for those that fit. `rows`: CSV or JSON, `rows_name` its
    file's name; `label` its column of true answers. `tolerance`: largest shift of answers. `register`: the winner, at
    once."""

    model: str
    variants: tuple[str, ...] = ()
    environment: str = ""
    rows: bytes = b""
    rows_name: str = ""
    label: str = ""
    tolerance: float | None = None
    register: bool = False
    goal: str = ""  # convert or optimise, where somebody said which; "" for what fits


def request_conversion(workspace: Workspace, actor: User, asked: ConversionRequest) -> Conversion:
    """A conversion that a worker makes soon; an equal one that is under way is given instead.

    Raises `BadInput`, `Conflict` and `NotFound`.
    """
    version = find_version(workspace, asked.model)
    environment = environments.find(workspace, asked.environment) if asked.environment else None
    _check(version, environment, asked)
    wanted = _variants(version, asked.variants)
    stored = _stored_rows(asked)
    with transaction.atomic():
        facts = {
            "version": version,
            "environment": environment,
            "wanted": wanted,
            "rows": stored,
            "rows_form": _form_of(asked) if stored else "",
            "label": asked.label.strip(),
            "tolerance": asked.tolerance,
            "registers": asked.register,
        }
        under_way = Conversion.objects.unfinished().filter(workspace=workspace, **facts).first()
        return under_way or create_job(Conversion, workspace=workspace, requested_by=actor, **facts)


def _check(version: ModelVersion, environment: Environment | None, asked: ConversionRequest) -> None:
    if version.state != VersionState.READY:
        raise Conflict(f"{version} is {version.state}.", hint="Only a version that is ready is converted.")
    is_onnx = version.framework == "onnx"
    if asked.goal == "convert" and is_onnx:
        raise BadInput(f"{version} is ONNX already.", hint="Optimise it instead.", field="model", code="already_onnx")
    if asked.goal == "optimise" and not is_onnx:
        raise BadInput(f"{version} is no ONNX.", hint="Convert it instead: the result is measured, too.", field="model")
    given = environment.requirements if environment else None
    requirements_for(version.framework, version.framework_version, version.facts, given)
    trouble = [name for name in version.facts.get("globals") or () if is_trouble(name)]
    if trouble:
        raise Conflict(
            f"{version} is not opened: loading it would run {', '.join(trouble[:5])}.",
            code="refused_by_scan",
            hint="Save the model again without such objects, for example with skops.",
        )
    if asked.tolerance is not None and not 0 < asked.tolerance <= 1:
        raise BadInput("The tolerance must be more than 0 and at most 1.", field="tolerance")
    if asked.label and not asked.rows:
        raise BadInput("A column of labels needs rows.", field="label")


def _variants(version: ModelVersion, names: tuple[str, ...]) -> list[str]:
    usual = OPTIMISING if version.framework == "onnx" else CONVERTING
    if unknown := [name for name in names if name not in VARIANTS]:
        raise BadInput(
            f"'{unknown[0][:40]}' is no variant.", hint=f"Use some of {', '.join(VARIANTS)}.", field="variants"
        )
    return list(dict.fromkeys(names)) or list(usual)


def _stored_rows(asked: ConversionRequest) -> Any:
    if not asked.rows:
        return None
    if len(asked.rows) > MOST_ROW_BYTES:
        raise BadInput(f"The rows have more than {MOST_ROW_BYTES // 1024**2} MB.", field="rows")
    return artifacts.store(io.BytesIO(asked.rows))


def _form_of(asked: ConversionRequest) -> str:
    if asked.rows_name.lower().endswith(".csv"):
        return "csv"
    return "json" if asked.rows.lstrip()[:1] in {b"{", b"["} else "csv"


def conversions_of(workspace: Workspace) -> QuerySet[Conversion]:
    """The newest first."""
    rows = Conversion.objects.filter(workspace=workspace)
    related = ("workspace", "version__model", "version__workspace", "requested_by", "environment")
    return rows.select_related(*related).prefetch_related("variants__version").order_by("-id")


def find_conversion(workspace: Workspace, pk: int) -> Conversion:
    """Raises `NotFound`."""
    found = conversions_of(workspace).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no conversion {pk} in this workspace.")
    return found


def cancel(conversion: Conversion) -> bool:
    """Stop it; its worker lets go within seconds. False when it had ended."""
    ended = {"state": JobState.CANCELLED, "finished_at": timezone.now(), "lease_until": None}
    return bool(Conversion.objects.filter(pk=conversion.pk).unfinished().update(**ended))


def log_path(conversion: Conversion) -> Path:
    """What was installed and printed; the file may not exist (yet)."""
    return Path(settings.DATA_DIR) / "logs" / "conversions" / f"{conversion.pk}.log"


class _Busy(Exception):
    """Another conversion of this machine is being measured."""


def run(job: Conversion, heartbeat: Heartbeat) -> None:
    """Do it. Safe to repeat, and to kill at any line: rows are written at the end, all at once."""
    try:
        with exclusive(Path(settings.DATA_DIR) / "run" / "conversion", waiting=_raise_busy):
            _run_alone(job, heartbeat)
    except _Busy:  # back into the queue, as if nobody had tried
        job.requeue(attempt=F("attempt") - 1, enqueued_at=timezone.now(), step="waiting for another conversion")


def _raise_busy() -> None:
    raise _Busy


def _run_alone(job: Conversion, heartbeat: Heartbeat) -> None:
    path = log_path(job)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", buffering=1) as lines:
        try:
            with _folder(job) as folder:
                found = _Work(job, heartbeat, lines, folder).outcome()
                _conclude(job, found, folder / "out")
        except LeaseLost:
            lines.write("The conversion was cancelled or taken over.\n")
        except Exception as error:  # whatever it was, the row must say so
            _fail(job, error, lines)


def _fail(job: Conversion, error: Exception, lines: Log) -> None:
    if not isinstance(error, SlipwayError):
        log.exception("%s failed", job)
        error = SlipwayError(
            f"The conversion failed: {type(error).__name__}.",
            code="conversion_failed",
            hint="The worker's log says more. Try again.",
        )
    lines.write(f"\n{error.message}\n{error.hint}\n")
    with transaction.atomic():
        if job.end(JobState.FAILED, error=error.as_dict()):
            record(
                VERSION_CONVERTED,
                job.version,
                workspace=job.workspace,
                actor=job.requested_by,
                outcome=f"It failed: {error.message}",
            )


def note_given_up(job: Conversion) -> None:
    """When workers died over it again and again. Call it in the transaction that fails the row."""
    outcome = "It failed: the worker died several times while working on it."
    record(VERSION_CONVERTED, job.version, workspace=job.workspace, actor=job.requested_by, outcome=outcome)


@contextmanager
def _folder(job: Conversion) -> Iterator[Path]:
    """A folder for this attempt; those of attempts whose workers were killed go first."""
    name = f"{artifacts.INSPECTED}conversion-{job.pk}"
    for left in artifacts.incoming().glob(f"{name}-*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = artifacts.incoming() / f"{name}-{job.attempt}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class _Work:
    """One attempt, from the environment to what the program told."""

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
            found, ended = self._attempt(python, skip)
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

    def _attempt(self, python: Path, skip: dict[str, str]) -> tuple[Outcome, Ended]:
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


def _conclude(job: Conversion, found: Outcome, out: Path) -> None:
    """Keep the files, close the job, write variants and event, all or nothing."""
    columns = found.judged(Gates(job.tolerance))
    files = {one["name"]: _kept(out, one["name"]) for one in columns if one["one"]}
    with transaction.atomic():
        if not job.end(JobState.SUCCEEDED, result=found.result(), step=""):
            return
        rows = [ConversionVariant(conversion=job, artifact=files.get(one["name"]), **one) for one in columns]
        ConversionVariant.objects.bulk_create(rows)
        said = outcomes.sentence(columns)
        record(VERSION_CONVERTED, job.version, workspace=job.workspace, actor=job.requested_by, outcome=said)
        winner = job.variants.filter(verdict="recommended").first()
        if job.registers and winner:
            register_variant(winner, job.requested_by)


def _kept(out: Path, name: str) -> Any:
    try:
        with written_file(out, f"{name}.onnx") as file:
            return artifacts.store(file)
    except OSError as reason:
        raise SlipwayError(
            f"The file of the variant {name} cannot be kept.", code="conversion_failed", evidence=str(reason)
        ) from reason
