"""Try an entry script before it is deployed: one start and one request in a bounded process of its own."""

import json
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings

from deployments.builds.bundles import describe_model, folder_of
from deployments.config.sources import Content, copy_to
from deployments.targets.local import library
from registry.environments.built import is_built
from registry.environments.paths import python_path
from registry.inspection.bounded_process import ProcessResult, run_command_bounded
from registry.models import Environment, ModelVersion
from registry.store import artifacts
from scoring.contract import Bundle, DryRun
from studio.core.errors import BadInput, Conflict

SECONDS = 30.0
MODEL_BYTES = 1_000_000_000  # larger models would be copied for longer than anybody waits
PRINTED = 4000  # characters of what the script printed
PROGRAM = "scoring.process.dry_run"
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Trial:
    """What came of it. `cause` has message, hint and evidence where the script did not start or took too long."""

    report: DryRun | None
    cause: dict[str, str] | None
    printed: str

    @property
    def good(self) -> bool:
        return self.cause is None and self.report is not None and self.report.status < 400

    @property
    def milliseconds(self) -> str:
        """How long run() took."""
        return f"{self.report.run_seconds * 1000:.3g}" if self.report else ""

    @property
    def body(self) -> str:
        """The answer for reading: JSON laid out."""
        if self.report is None:
            return ""
        try:
            return json.dumps(json.loads(self.report.body), indent=2, ensure_ascii=False)
        except (ValueError, RecursionError):
            return self.report.body


def dry_run(
    *,
    entry_script: str,
    files: Mapping[str, Content],
    environment: Environment,
    version: ModelVersion | None,
    request: str,
    variables: Mapping[str, str],
) -> Trial:
    """Start the script in its environment, with its own variables beside the files of `version`, and send `request`.

    Raises `BadInput` where the environment is not made yet or the model is too large to try, and `Conflict` while
    somebody else's trial is running.
    """
    if not is_built(environment.definition_hash):
        raise BadInput(
            f"{environment} has not been made yet, so that nothing can run in it.",
            hint="The first deployment makes it. Scripts that need NumPy and ONNX Runtime only run in slipway-runtime.",
            field="environment",
        )
    if version is not None and version.size > MODEL_BYTES:
        raise BadInput(f"{version} is too large for a trial.", hint="Deploy it instead.", field="model")
    if not _one_at_a_time.acquire(blocking=False):
        raise Conflict("Another trial is running.", hint="Try again in a moment.")
    try:
        with tempfile.TemporaryDirectory(prefix=f"{artifacts.INSPECTED}trial-", dir=artifacts.incoming()) as folder:
            _lay_out(Path(folder), entry_script, files, version, request)
            return _trial_of(_run(Path(folder), environment, variables))
    finally:
        _one_at_a_time.release()


def _lay_out(
    folder: Path, entry_script: str, files: Mapping[str, Content], version: ModelVersion | None, request: str
) -> None:
    bundle = folder / "bundle"
    for path, content in files.items():
        copy_to(content, bundle / "source" / artifacts.safe_path(path))
    (bundle / "models").mkdir(parents=True)
    if version:
        _copy_model(version, bundle / folder_of(version))
    models = [describe_model(version)] if version else []
    description = Bundle(kind="entry_script", models=models, entry_script=entry_script)
    (bundle / "bundle.json").write_bytes(msgspec.json.encode(description))
    (folder / "request").write_text(request)


def _copy_model(version: ModelVersion, place: Path) -> None:
    """Its files, with and without the name of the folder they were registered from. Copies: what the script does to
    them is not done to the store's."""
    for file in version.files.select_related("artifact"):
        path = artifacts.safe_path(file.path)
        copy_to(file.artifact, place / path)
        below = place / version.folder / path
        if version.folder and not below.exists():
            copy_to(file.artifact, below)


def _run(folder: Path, environment: Environment, variables: Mapping[str, str]) -> ProcessResult:
    memory = settings.SLIPWAY["INSPECTION_MEMORY_BYTES"]
    python = python_path(environment.definition_hash)
    return run_command_bounded(
        [str(python), "-m", PROGRAM, str(folder), str(memory), str(int(SECONDS))],
        folder=folder,
        seconds=SECONDS,
        variables=dict(variables)
        | {
            "PATH": f"{python.parent}:/usr/bin:/bin",
            "PYTHONPATH": str(library.scoring_library(settings.BASE_DIR / "scoring", library.folder())),
            "PYTHONSAFEPATH": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        },
    )


def _trial_of(ended: ProcessResult) -> Trial:
    printed = ended.errors[-PRINTED:]
    if ended.code is None:
        hint = "A service waits longer: see the start deadline and the scoring timeout of the deployment."
        return Trial(None, {"message": f"The script took longer than {SECONDS:g} s.", "hint": hint}, printed)
    try:
        report = msgspec.json.decode(ended.output, type=DryRun)
    except msgspec.DecodeError:
        message = f"The process ended with exit status {ended.code} before it answered."
        hint = "It may have run out of memory, or the script ends its own process."
        return Trial(None, {"message": message, "hint": hint, "evidence": printed}, printed)
    return Trial(report, _cause(report, printed), printed)


def _cause(report: DryRun, printed: str) -> dict[str, Any] | None:
    """Why it did not answer well."""
    if report.failure:
        failure = report.failure
        return {"message": failure.message, "hint": failure.hint, "evidence": failure.evidence}
    if report.status >= 500:
        return {"message": report.body, "hint": "", "evidence": printed}
    return None
