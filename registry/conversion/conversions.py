"""Conversions, as people ask for them, find them and stop them."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from registry.conversion.requirements import requirements_for
from registry.conversion.variant_names import CONVERTING, OPTIMISING, VARIANTS
from registry.environments import environments
from registry.models import Conversion, Environment, ModelVersion, VersionState
from registry.store import artifacts
from registry.versions.registration import find_version
from scoring.pickled_names import is_trouble
from studio.accounts.models import User, Workspace
from studio.core.enqueue import create_job
from studio.core.errors import BadInput, Conflict, NotFound
from studio.core.jobs import JobState

MOST_ROW_BYTES = 32 * 1024 * 1024


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
