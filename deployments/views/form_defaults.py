"""What the deploy form and the Test tab begin with, so that one click works."""

from typing import Any

from deployments.config import default_environments
from deployments.config.deployment_config import config_of
from deployments.config.json_text import readable
from deployments.control.facts import wanted_revision
from deployments.models import InferenceConfig, Revision, RevisionModel, Service
from deployments.models.config import ConfigKind
from deployments.services import names, samples
from deployments.services.describe import models_of
from deployments.views.option_fields import initial_of
from registry.inspection import signature
from registry.models import ModelVersion, VersionState
from scoring.contract import WarmUp
from studio.accounts.models import Workspace
from studio.core.errors import BadInput

NO_MODEL = "none"  # the choice of no version, which none can be called
FREE_FORM = {"data": [[0.0, 0.0, 0.0, 0.0]]}


def service_name(workspace: Workspace, model: str) -> str:
    """A free service name like the model's: 'Iris_v2' → 'iris-v2', or 'iris-v2-2' when that is taken."""
    stem = names.suggest_name(model)
    taken = set(Service.objects.in_workspace(workspace).filter(name__startswith=stem).values_list("name", flat=True))
    numbered = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in (stem, *numbered) if name not in taken)


def config_for(version: ModelVersion) -> InferenceConfig | None:
    """None for ONNX, which needs none; else the config its model ran with last, or one named like the model."""
    if version.framework == "onnx":
        return None
    used = Revision.objects.filter(models__version__model=version.model, config__kind=ConfigKind.ENTRY_SCRIPT)
    last = used.select_related("config").order_by("-id").first()
    if last:
        return last.config
    scripts = InferenceConfig.objects.in_workspace(version.workspace).registered().filter(kind=ConfigKind.ENTRY_SCRIPT)
    return scripts.filter(name=version.model.name).order_by("-number").first()


def version_for(config: InferenceConfig) -> ModelVersion | None:
    """The newest ready version of the model that ran with a config of this name last, or that is called like it."""
    named = {"revision__config__workspace": config.workspace, "revision__config__name": config.name}
    used = RevisionModel.objects.filter(**named)
    last = used.order_by("-revision_id").values_list("version__model", flat=True).first()
    ready = ModelVersion.objects.in_workspace(config.workspace).filter(state=VersionState.READY)
    found = ready.filter(model=last) if last else ready.filter(name=config.name)
    return found.select_related("model", "workspace").order_by("-number").first()


def needs_script(version: ModelVersion) -> bool:
    """Whether somebody has to write an entry script before this version can be deployed."""
    return not runs_without_code(version) and config_for(version) is None and not samples.has_script(version)


def runs_without_code(version: ModelVersion) -> bool:
    """Whether there is a loader for its file."""
    try:
        default_environments.serving_of(version)
    except BadInput:
        return False
    return True


def services_to_update(version: ModelVersion) -> list[str]:
    """Services that run another version of the model now."""
    rows = Service.objects.in_workspace(version.workspace).filter(revisions__models__version__model=version.model)
    return list(rows.order_by("name").values_list("name", flat=True).distinct()[:10])


def _config_of(revision: Revision | None) -> str:
    """The inference config that can be chosen again; empty for none and for a draft."""
    config = revision.config if revision else None
    return str(config) if config and config.kind == ConfigKind.ENTRY_SCRIPT and not config.draft else ""


def values_of(service: Service) -> dict[str, Any]:
    """An existing service's own settings, to begin its update with."""
    revision = wanted_revision(service)
    first, *further = models_of(revision) or [NO_MODEL if revision else ""]
    return initial_of(revision.deployment_config if revision else {}) | {
        "auth": config_of(revision).credential or "none",
        "models": first,
        "more_models": ", ".join(further),
        "target": service.target.name,
        "description": service.description,
        "config": _config_of(revision),
    }


def with_version(initial: dict[str, Any], version: ModelVersion) -> dict[str, Any]:
    """The values of an update that puts `version` in the place of the service's version of the same model, or of all
    its models where it has none of this one."""
    models = [initial["models"], *filter(None, initial["more_models"].split(", "))]
    names = [model.rpartition(":")[0] for model in models]
    if version.name in names:
        models[names.index(version.name)] = str(version)
    else:
        models = [str(version)]
    return initial | {"models": models[0], "more_models": ", ".join(models[1:])}


def sample_request(revision: Revision | None) -> str:
    """A body that the service should accept: its own warm-up's, a bundled sample's, or one made from the signature."""
    own = _warm_up(revision)
    return readable(own.body if own else _sample(revision) or FREE_FORM)


def sample_path(revision: Revision | None) -> str:
    """Where that body goes."""
    own = _warm_up(revision)
    return own.path if own else "/score"


def sample_inputs(revision: Revision) -> list[dict[str, Any]]:
    """Tensors that the model accepts, as the Open Inference Protocol names them; none where they are not known."""
    sample = _sample(revision) or {}
    return sample.get("inputs", [])


def _warm_up(revision: Revision | None) -> WarmUp | None:
    return config_of(revision).server.warm_up


def _sample(revision: Revision | None) -> Any:
    if revision is None:
        return None
    with_script = revision.config.kind == ConfigKind.ENTRY_SCRIPT
    for use in revision.models.all():
        if own := samples.request_for(use.version, with_script=with_script):
            return own
        if use.version.signature and not with_script:
            made = signature.example(use.version.signature)
            return made if use.version.framework == "onnx" else _as_row(made)
    return None


def _as_row(request: dict[str, Any]) -> dict[str, Any]:
    """A request of tensors as a row of values, which estimators take whatever their loader calls its inputs."""
    return {"data": [[value for tensor in request["inputs"] for value in tensor["data"]]]}
