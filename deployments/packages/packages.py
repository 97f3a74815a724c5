"""Packages: asked for by people, made by a worker; files are removed after a while."""

import hashlib
import logging
import os
import shutil
import time
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, BinaryIO

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from deployments.builds import revision_images
from deployments.builds.bundles import Content, make_bundle
from deployments.builds.images.builders import Run
from deployments.builds.images.inside import HEALTH_CHECK, VARIABLES
from deployments.builds.images.recipe import EnvironmentRecipe
from deployments.causes import cause_of_error
from deployments.config import configs
from deployments.events import PACKAGE_CREATED
from deployments.models import Instance, Package, PackageForm, Revision
from deployments.models.config import ConfigKind
from deployments.packages.context import write_context
from deployments.packages.texts import ContextFacts
from deployments.recipe.recipe import content_hash
from deployments.recipe.spec import spec_for, variables_of
from deployments.services.default_config import check_without_code, ensure_default_config
from deployments.services.queries import find as find_service
from deployments.targets.edge.run_settings import settings_of
from registry.environments import environments
from registry.environments.private_wheels import laid_out
from registry.environments.uv import Limits
from registry.models import VersionState
from registry.versions.registration import find_version
from studio.accounts.models import User, Workspace
from studio.activity.recording import record
from studio.core.enqueue import create_job
from studio.core.errors import BadInput, NotFound
from studio.core.job_heartbeat import Heartbeat, LeaseLost
from studio.core.jobs import JobState

log = logging.getLogger(__name__)

OURS = ("service", "workspace", "revision", "recipe", "auth", "bundle")  # what a container is not told


@dataclass(frozen=True)
class PackageRequest:
    """`model` is 'name:number' with an inference config or the default one; or `service` and the number of a revision,
    None for the wanted one."""

    model: str = ""
    config: str = ""
    service: str = ""
    revision: int | None = None
    form: str = PackageForm.CONTEXT
    offline: bool = False


def request_package(workspace: Workspace, actor: User, asked: PackageRequest) -> Package:
    """A new package that a worker makes soon; an equal one that is under way is given instead.

    Raises `BadInput` for what cannot be packaged, `NotFound` for what there is not.
    """
    if bool(asked.model) == bool(asked.service):
        raise BadInput("Name a model version or a service: one of both.", hint="For example iris:1.", field="model")
    if asked.form not in PackageForm.values:
        raise BadInput(f"'{asked.form[:50]}' is no form of a package.", hint="It is image or context.", field="form")
    with transaction.atomic():
        what = _of_model(workspace, actor, asked) if asked.model else _of_service(workspace, asked)
        facts = what | {"form": asked.form, "offline": asked.offline}
        under_way = Package.objects.unfinished().filter(workspace=workspace, **facts).first()
        return under_way or create_job(Package, workspace=workspace, requested_by=actor, **facts)


def _of_model(workspace: Workspace, actor: User, asked: PackageRequest) -> dict[str, Any]:
    version = find_version(workspace, asked.model)
    if version.state != VersionState.READY:
        raise BadInput(f"{version} is {version.state}.", hint="Only a version that is ready is packed.", field="model")
    config = configs.find(workspace, asked.config) if asked.config else ensure_default_config(version, actor)
    if config.kind == ConfigKind.NO_CODE:
        check_without_code([version], config)
    return {"version": version, "config": config}


def _of_service(workspace: Workspace, asked: PackageRequest) -> dict[str, Any]:
    service = find_service(workspace, asked.service)
    number = service.wanted_revision if asked.revision is None else asked.revision
    revision = service.revisions.select_related("config").filter(number=number).first()
    if revision is None:
        raise NotFound(f"'{service.name}' has no revision {number}.", field="revision")
    return {"revision": revision, "config": revision.config}


def packages_of(workspace: Workspace) -> QuerySet[Package]:
    """The newest first."""
    rows = Package.objects.filter(workspace=workspace)
    related = ("workspace", "revision__service__workspace", "version__model", "requested_by", "image", "config")
    return rows.select_related(*related).order_by("-id")


def find_package(workspace: Workspace, pk: int) -> Package:
    """Raises `NotFound`."""
    found = packages_of(workspace).filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no package {pk} in this workspace.")
    return found


def run(package: Package, heartbeat: Heartbeat) -> None:
    """Do it. Safe to repeat, and to kill at any line: a file gets its name when it is whole."""
    draft = Path(mkdtemp(prefix=f".{package.pk}.", suffix=".draft", dir=_made(package.path.parent)))
    try:
        facts = _make(package, heartbeat, draft)
    except LeaseLost:
        raise
    except Exception as error:
        cause = cause_of_error(error)
        if cause["code"] == "build_failed":
            log.exception("%s failed", package)
        package.end(JobState.FAILED, error=cause)
    else:
        _succeed(package, facts)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _succeed(package: Package, facts: dict[str, Any]) -> None:
    with transaction.atomic():
        if package.end(JobState.SUCCEEDED, **facts):
            record(
                PACKAGE_CREATED,
                package,
                workspace=package.workspace,
                actor=package.requested_by,
                form=package.form,
                of=package.subject,
            )


def _make(package: Package, heartbeat: Heartbeat, draft: Path) -> dict[str, Any]:
    limits = Limits(time.monotonic() + settings.SLIPWAY["BUILD_SECONDS"], heartbeat.is_lost)
    run = Run(StringIO(), limits, draft)
    heartbeat.step("environment", 0.05)
    environment = package.config.environment
    if environment is not None:
        environments.lock(environment, run.log, cancelled=heartbeat.is_lost)
    heartbeat.step("bundle", 0.15)
    content = _content(package)
    make_bundle(content, run.log)
    heartbeat.step("packing", 0.3)
    recipe = revision_images.recipe_of(package.config)
    if package.form == PackageForm.IMAGE:
        return _make_image(package, content, recipe, run)
    return _write_file(package, content, recipe, run, heartbeat)


def _content(package: Package) -> Content:
    if package.revision is not None:
        return Content.of(package.revision)
    versions = [package.version] if package.version else []
    return Content(content_hash(versions, package.config), tuple(versions), package.config)


def _make_image(package: Package, content: Content, recipe: EnvironmentRecipe, run: Run) -> dict[str, Any]:
    options, variables = _options(package), VARIABLES | _variables(package)
    wanted = revision_images.WantedImage(
        content,
        package.workspace.slug,
        recipe,
        revision_images.building_engine(),
        extra={"/opt/slipway/options.json": options} if options else {},
        settings={"Env": [f"{name}={value}" for name, value in variables.items()], "Healthcheck": HEALTH_CHECK},
    )
    row = revision_images.make_image(wanted, run.log, run.limits)
    reference = row.tag if row.reference == row.image_id else row.reference
    return {"image": row, "reference": reference, "size_bytes": row.size_bytes}


def _write_file(
    package: Package, content: Content, recipe: EnvironmentRecipe, run: Run, heartbeat: Heartbeat
) -> dict[str, Any]:
    draft = run.folder / "package.tar.gz"
    facts, options = _facts(package, content, recipe), _options(package)
    with draft.open("w+b") as file, laid_out(package.config.environment) as private:
        write_context(
            file,
            content,
            recipe,
            facts,
            options,
            run,
            lambda share: heartbeat.note("packing", 0.3 + 0.65 * share),
            private=private,
        )
        digest, size = _flushed(file)
    draft.replace(package.path)
    return {"digest": digest, "size_bytes": size}


def _flushed(file: BinaryIO) -> tuple[str, int]:
    file.flush()
    os.fsync(file.fileno())
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    return digest, file.seek(0, os.SEEK_END)


def _has_private_wheels(package: Package) -> bool:
    """Their files have to come along, and with them all others, since an installer asks either index or folder."""
    environment = package.config.environment
    return environment is not None and environment.wheels.exists()


def _facts(package: Package, content: Content, recipe: EnvironmentRecipe) -> ContextFacts:
    labels = revision_images.labels_of(content, package.workspace.slug)
    return ContextFacts(
        title=f"{package.subject} of {package.workspace.slug}",
        stem=package.stem.lower(),
        base=f"{package.stem.lower()}-base" if recipe.dockerfile else recipe.base,
        models=tuple(str(version) for version in content.versions),
        labels=labels,
        python_version=recipe.python_version,
        steps=recipe.steps,
        variables=_variables(package),
        offline=package.offline or _has_private_wheels(package),
        has_base_file=bool(recipe.dockerfile),
        has_options=bool(_options(package)),
    )


def _variables(package: Package) -> dict[str, str]:
    """What the process is told beside the image's own variables."""
    if package.revision is not None:
        return dict(_spec(package.revision).environment_variables)
    return variables_of(package.config)


def _options(package: Package) -> bytes:
    """The options of a revision, as the scoring server reads them in an image; none for a model version."""
    if package.revision is None:
        return b""
    kept = {name: value for name, value in settings_of(_spec(package.revision)).items() if name not in OURS}
    return msgspec.json.format(msgspec.json.encode(kept, order="deterministic"))


def _spec(revision: Revision) -> Any:
    """What a target would be given. The instance is never saved: a package runs nowhere that the studio knows of."""
    return spec_for(Instance(pk=0, service=revision.service, revision=revision, target=revision.service.target))
