"""Try an entry script before it is deployed: one start and one request, behind walls."""

import json
import signal
import subprocess
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
from deployments.models.config import ConfigKind
from deployments.targets.local import ownership
from deployments.targets.local.isolation import isolation_here
from deployments.targets.scoring_library import folder as library_folder
from deployments.targets.scoring_library import scoring_library
from registry.environments.built import is_built
from registry.environments.paths import python_path
from registry.inspection.bounded_process import ProcessResult, captured
from registry.models import Environment, ModelVersion
from registry.store import artifacts
from scoring.contract import Bundle, DryRun
from scoring.opt_outs import OPT_OUTS
from studio.core.errors import BadInput, Conflict
from studio.sandbox.plan import NO_CORE_FILE, Plan, interpreter_folders
from studio.sandbox.readable import let_read
from studio.sandbox.request import keeper_command, request

SECONDS = 30.0
END_SECONDS = 5.0  # that the keeper has to end everything
FILE_BYTES = 256 * 1024 * 1024  # of a file that the script writes
USER = 99_999  # where services have users of their own: the number of a service that is hardly ever reached
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
    sample: str,
    variables: Mapping[str, str],
) -> Trial:
    """Start the script in its environment, with its own variables beside the files of `version`, and send `sample`.

    Raises `BadInput` where the environment is not made yet or the model is too large to try, and `Conflict` while
    somebody else's trial is running, or where the settings ask for better walls than there are.
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
            _lay_out(Path(folder), entry_script, files, version, sample)
            return _trial_of(_run(Path(folder), environment, variables))
    finally:
        _one_at_a_time.release()


def _lay_out(
    folder: Path, entry_script: str, files: Mapping[str, Content], version: ModelVersion | None, sample: str
) -> None:
    bundle = folder / "parts" / "bundle"
    for path, content in files.items():
        copy_to(content, bundle / "source" / artifacts.safe_path(path))
    (bundle / "models").mkdir(parents=True)
    if version:
        _copy_model(version, bundle / folder_of(version))
    models = [describe_model(version, ConfigKind.ENTRY_SCRIPT)] if version else []
    description = Bundle(kind="entry_script", models=models, entry_script=entry_script)
    (bundle / "bundle.json").write_bytes(msgspec.json.encode(description))
    (folder / "parts" / "request").write_text(sample)


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
    """Behind the walls that services stand behind, without network. It reads `parts` and writes to `work`."""
    isolation = isolation_here()
    if isolation.refusal:
        raise Conflict(isolation.refusal)
    python, user = python_path(environment.definition_hash), isolation.user_of(USER)
    library = scoring_library(settings.BASE_DIR / "scoring", library_folder())
    parts, work = folder / "parts", folder / "work"
    work.mkdir(mode=0o700)
    plan = Plan(
        program=(str(python), "-m", PROGRAM, str(parts)),
        environment=OPT_OUTS
        | environment.variables
        | dict(variables)
        | {
            "LANG": "C.UTF-8",
            "PATH": f"{python.parent}:/usr/bin:/bin",
            "HOME": str(work),
            "TMPDIR": str(work),
            "PYTHONPATH": str(library),
            "PYTHONSAFEPATH": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        },
        folder=work,
        readable=(*interpreter_folders(python), library, parts, *isolation.readable),
        writable=(work,),
        hidden=(settings.DATA_DIR,),
        user=user,
        network=False,
        ports=(),
        limits=(NO_CORE_FILE, *_limits()),
    )
    if user is not None:
        for path in plan.readable:
            if path in (library, parts) or path.is_relative_to(settings.DATA_DIR):
                let_read(path)
        ownership.give(work, user)
    return _kept(request(plan, isolation.walls), SECONDS)


def _limits() -> list[tuple[str, int]]:
    """Memory in bytes, processor time in seconds, the size of a file in bytes."""
    return [("AS", settings.SLIPWAY["INSPECTION_MEMORY_BYTES"]), ("CPU", 2 * int(SECONDS) + 1), ("FSIZE", FILE_BYTES)]


def _kept(asked: bytes, seconds: float) -> ProcessResult:
    """Have the keeper start what is asked; when the time is up, it ends all of it."""
    with captured() as (output, errors), tempfile.TemporaryFile() as given:
        given.write(asked)
        given.seek(0)
        keeper = subprocess.Popen(
            keeper_command(),
            cwd="/",
            env={"LANG": "C.UTF-8"},
            stdin=given,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            code: int | None = keeper.wait(seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(keeper)
        return ProcessResult.of(code, output, errors)


def _end(keeper: subprocess.Popen[bytes]) -> None:
    if keeper.poll() is None:
        keeper.send_signal(signal.SIGQUIT)  # it kills what it has started, and ends
        try:
            keeper.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            keeper.kill()
            keeper.wait()


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
