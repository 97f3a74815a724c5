"""Images of revisions: whether a target needs one, which it is, whether it is built, and making it."""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone
from docker.errors import APIError, ImageNotFound

from deployments.builds import registry_logins
from deployments.builds.bundles import Content, contents_of
from deployments.builds.image_bills import add_bill, bill_subject
from deployments.builds.images.builders import Run
from deployments.builds.images.curated_lock import curated_lock
from deployments.builds.images.environment_image import EnvironmentBuild, environment_image, inspect
from deployments.builds.images.inside import service_settings
from deployments.builds.images.recipe import EnvironmentRecipe, hash_of, service_image_key
from deployments.builds.images.service_image import ImageContent, service_image
from deployments.engines import EngineAddress, EngineProblem, client_of, parse_address
from deployments.engines.studio_id import studio_id
from deployments.models import BuiltImage, ImageKind, InferenceConfig, Revision, Target
from deployments.models.image import BuiltImageQuerySet
from deployments.recipe.build_paths import bundle_path, image_drafts_folder
from deployments.targets.kinds import is_known, kind_of
from deployments.targets.scoring_library import digest_of, scoring_library
from registry.environments.conda_steps import conda_steps
from registry.environments.interpreters import own
from registry.environments.paths import CURATED_HASH
from registry.environments.private_wheels import laid_out
from registry.environments.uv import Limits
from studio.accounts.models import Workspace
from studio.core.atomic_folders import exclusive, remove_drafts
from studio.core.errors import Temporary
from studio.core.tee import Log

SCORING = settings.BASE_DIR / "scoring"


@dataclass(frozen=True)
class WantedImage:
    """The image of a content at one engine. `recipe` is that of its environment, `workspace` the slug of its workspace;
    `extra` are further files by their path in it, and `settings` entries of its config that replace ours."""

    content: Content
    workspace: str
    recipe: EnvironmentRecipe
    address: EngineAddress
    extra: Mapping[str, bytes] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        key = service_image_key(self.content.content_hash, self.recipe.key, _library_digest())
        further = {name: hash_of(text.decode()) for name, text in self.extra.items()} | dict(self.settings)
        return hash_of([key, further]) if further else key

    @property
    def place(self) -> str:
        return self.address.host

    @property
    def tag(self) -> str:
        return f"slipway/service:{self.key[:32]}"

    def rows(self) -> BuiltImageQuerySet:
        """The row of it, if it is built."""
        return BuiltImage.objects.usable(self.key, self.place)


def needs_image(target: Target) -> bool:
    """Whether services run as images there."""
    return kind_of(target.kind).needs_images


def wanted_image(revision: Revision, target: Target) -> WantedImage | None:
    """What is to be built; None where the target needs none, and until the environment is locked."""
    if not needs_image(target):
        return None
    recipe = recipe_of(revision.config)
    if not recipe.lock:
        return None
    return WantedImage(Content.of(revision), revision.service.workspace.slug, recipe, address_of(target))


def image_for(revision: Revision, target: Target) -> str:
    """What the target is told to run; empty where it needs none, and where it is not built."""
    wanted = wanted_image(revision, target)
    row = wanted.rows().first() if wanted else None
    return row.reference if row else ""


def use(revision: Revision, target: Target) -> bool:
    """Whether the image is built, and a note that it is used from now on, so that the collection leaves it alone."""
    wanted = wanted_image(revision, target)
    if wanted is None:
        return False
    BuiltImage.objects.usable(wanted.recipe.key, wanted.place).update(last_used_at=timezone.now())
    rows = wanted.rows()
    if registry := registry_logins.push_registry(wanted.workspace):
        rows = rows.filter(reference__startswith=f"{registry.address}/")  # else it has still to be sent there
    return bool(rows.update(last_used_at=timezone.now()))


def forget(revision: Revision, target: Target) -> None:
    """The engine no longer has it."""
    if wanted := wanted_image(revision, target):
        wanted.rows().delete()


def address_of(target: Target) -> EngineAddress:
    """The engine that has the images of a target."""
    kind = kind_of(target.kind)
    return kind.engine(kind.complete(target.all_settings)) if kind.engine else building_engine()


def remove_image(row: BuiltImage) -> bool:
    """Remove the image from its engine; False while something there uses it. Raises `OSError` without an answer."""
    try:
        client = client_of(_address_at(row.place))
        if row.digest:
            with suppress(ImageNotFound):
                client.remove_image(f"{row.reference.partition('@')[0]}:{row.image_hash[:32]}")
        client.remove_image(row.tag)
    except ImageNotFound:
        return True
    except APIError as error:
        if error.status_code == HTTPStatus.CONFLICT:
            return False
        raise OSError(str(error)) from error
    except EngineProblem as problem:
        raise OSError(problem.message) from problem
    return True


def _address_at(place: str) -> EngineAddress:
    """How the engine of that address is reached: as a target says, or the settings."""
    for target in Target.objects.all():
        if is_known(target.kind) and needs_image(target) and (address := address_of(target)).host == place:
            return address
    return parse_address(place)


def building_engine() -> EngineAddress:
    """The one that the studio builds on where no target says otherwise."""
    return parse_address(settings.SLIPWAY["DOCKER_HOST"])


def recipe_of(config: InferenceConfig) -> EnvironmentRecipe:
    """How the image of a config's environment is made. Its lock is empty until somebody has resolved it."""
    environment = config.environment
    if environment is None or environment.definition_hash == CURATED_HASH:
        return EnvironmentRecipe(_base(own().minor), curated_lock())
    return EnvironmentRecipe(
        base=environment.base_image or _base(environment.python_version),
        lock=environment.lock,
        python_version=environment.python_version,
        dockerfile=environment.dockerfile,
        steps=(*conda_steps(environment.conda), *environment.docker_steps),
    )


def _base(python_version: str) -> str:
    return str(settings.SLIPWAY["BASE_IMAGE"]).format(python=python_version)


def make_revision_image(revision: Revision, target: Target, log: Log, limits: Limits) -> BuiltImage:
    """The image of a revision for a target that needs one. Its environment is locked, its bundle made; else as
    `make_image`."""
    wanted = wanted_image(revision, target)
    if wanted is None:
        raise LookupError(f"{revision} has no lock, or {target} needs no image")
    return make_image(wanted, log, limits)


def make_image(wanted: WantedImage, log: Log, limits: Limits) -> BuiltImage:
    """The image, made unless it is there, and its row. Raises `SlipwayError`; may be killed at any line: what is there
    is found again."""
    place = image_drafts_folder() / wanted.key
    try:
        with exclusive(place, waiting=_waiting(limits)):
            remove_drafts(place)
            draft = place.with_name(f".{place.name}.{secrets.token_hex(4)}.draft")
            draft.mkdir(parents=True)
            try:
                return _make(wanted, Run(log, limits, draft))
            finally:
                remove_drafts(place)
    except EngineProblem as problem:
        raise Temporary(
            problem.message, hint=problem.hint, code="engine_unavailable", evidence=problem.evidence
        ) from problem


def _waiting(limits: Limits) -> Any:
    def check() -> None:
        if limits.cancelled():
            raise Temporary("The build was cancelled.", code="build_cancelled")

    return check


def _make(wanted: WantedImage, run: Run) -> BuiltImage:
    row = wanted.rows().first()
    if row is not None and (found := inspect(wanted.address, row.image_id)) is not None:
        run.log.write(f"The image is there already: {row.tag}\n")
        return _record(wanted, ImageKind.SERVICE, wanted.key, row.tag, found, _sent(wanted, row.image_id, run))
    below, build = _environment_image(wanted, run)
    _record(wanted, ImageKind.ENVIRONMENT, wanted.recipe.key, build.tag, below)
    content = ImageContent(
        scoring_library(SCORING, settings.DATA_DIR / "lib"),
        bundle_path(wanted.content.content_hash),
        contents_of(wanted.content),
        wanted.extra,
    )
    labels = labels_of(wanted.content, wanted.workspace)
    config = service_settings(labels) | dict(wanted.settings)
    known = _known_layers(wanted)
    loaded = service_image(wanted.address, below, content, run, tag=wanted.tag, settings=config, known=known)
    sent = _sent(wanted, loaded.config.image_id, run)
    row = _record(wanted, ImageKind.SERVICE, wanted.key, wanted.tag, loaded.inspected, sent)
    return add_bill(row, wanted.address, bill_subject(wanted.content, wanted.key), wanted.recipe.lock, labels)


def _sent(wanted: WantedImage, image_id: str, run: Run) -> tuple[str, str]:
    """Digest and reference of the image; it is sent where the workspace has images sent to. Before its row is written:
    an image that could not be sent does not count as built."""
    registry = registry_logins.push_registry(wanted.workspace)
    return registry_logins.push(wanted.address, registry, image_id, wanted.key, run) if registry else ("", image_id)


def _environment_image(wanted: WantedImage, run: Run) -> tuple[dict[str, Any], EnvironmentBuild]:
    environment = wanted.content.config.environment
    with laid_out(environment) as folder:
        build = EnvironmentBuild(
            wanted.recipe,
            requirements=environment.requirements if environment else (),
            wheels={path.name: path for path in sorted(Path(folder).glob("*.whl"))} if folder else {},
            labels={"slipway.studio": studio_id()},
            logins=lambda reference: registry_logins.login_of(wanted.workspace, reference),
        )
        return environment_image(wanted.address, build, run), build


def _known_layers(wanted: WantedImage) -> set[str]:
    """Layers of an image of the service that the engine still has."""
    rows = BuiltImage.objects.filter(kind=ImageKind.SERVICE, place=wanted.place, removing_at__isnull=True)
    for row in rows.order_by("-last_used_at")[:20]:
        if inspect(wanted.address, row.image_id) is not None:
            return set(row.layers)
    return set()


def labels_of(content: Content, workspace: str) -> dict[str, str]:
    """What an image says of its content. Nothing of a service: equal content is one image."""
    versions = content.versions
    return {
        "slipway.studio": studio_id(),
        "slipway.workspace": workspace,
        "slipway.model": ",".join(str(version) for version in versions),
        "slipway.content": content.content_hash,
        "org.opencontainers.image.title": versions[0].model.name if versions else content.config.name,
        "org.opencontainers.image.version": str(versions[0].number if versions else content.config.number),
    }


def _record(
    wanted: WantedImage, kind: ImageKind, key: str, tag: str, inspected: Any, sent: tuple[str, str] = ("", "")
) -> BuiltImage:
    digest, reference = sent
    is_service = kind == ImageKind.SERVICE
    facts = {
        "kind": kind,
        "workspace": Workspace.objects.filter(slug=wanted.workspace).first() if is_service else None,
        "models_in": [str(version) for version in wanted.content.versions] if is_service else [],
        "tag": tag,
        "image_id": inspected["Id"],
        "digest": digest,
        "reference": reference or inspected["Id"],
        "base": "" if wanted.recipe.dockerfile else wanted.recipe.base,
        "layers": list(inspected["RootFS"]["Layers"]),
        "size_bytes": inspected["Size"],
        "built_at": timezone.now(),
        "last_used_at": timezone.now(),
        "removing_at": None,
    }
    row, _ = BuiltImage.objects.update_or_create(image_hash=key, place=wanted.place, defaults=facts)
    return row


@cache
def _library_digest() -> str:
    return digest_of(SCORING)
