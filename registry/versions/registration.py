"""Register versions, and everything people do to one afterwards."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from registry import events
from registry.errors import InUse
from registry.inspection import frameworks
from registry.models import Artifact, Inspection, Model, ModelVersion, Tag, Upload, VersionFile, VersionState
from registry.models.model import name_rule
from registry.models.version import VERSION_MOVES
from registry.store.paths import place_of, safe_path
from registry.versions import labels, top_folder, usage
from studio.accounts.models import User, Workspace
from studio.activity.recording import record
from studio.core.enqueue import create_job
from studio.core.errors import BadInput, Conflict, NotFound
from studio.core.numbered_names import split_reference
from studio.core.numbering import take_number
from studio.core.states import move

MAX_FILES = 10_000
MAX_DESCRIPTION = 20_000  # characters
MAX_FRAMEWORK_VERSION = 32  # characters
Tags = Mapping[str, Any] | Iterable[str]


def register(  # noqa: PLR0913 - one keyword for each thing that people may say about a version
    *,
    workspace: Workspace,
    actor: User,
    name: str,
    files: list[Upload],
    folder: str = "",
    description: str = "",
    tags: Tags = (),
    properties: Mapping[str, Any] | None = None,
    framework: str = "",
    framework_version: str = "",
    cpu: float | None = None,
    memory_gb: float | None = None,
    gpu: int = 0,
) -> ModelVersion:
    """The next version of `name`, made of complete uploads (which are used up by it); its inspection begins.

    `folder` is the name of the folder that all files come from, if they do; their paths are below it.
    Raises `BadInput` naming the field at fault; then nothing is registered and the uploads stay.
    """
    kept_folder, paths = top_folder.kept(folder, check_files(files, workspace, actor))
    declared = frameworks.canonical(framework)
    facts: dict[str, Any] = {
        "description": read_description(description),
        "declared_framework": declared,
        "folder": kept_folder,
        "framework": declared or frameworks.guess(paths),
        "framework_version": _short(framework_version, "framework_version"),
        "properties": labels.read_properties(properties or {}),
        "cpu": labels.read_amount(cpu, "cpu", most=1024),
        "memory_gb": labels.read_amount(memory_gb, "memory_gb", most=65536),
        "gpu": int(labels.read_amount(gpu or None, "gpu", most=64) or 0),
        "size": sum(upload.size for upload in files),
    }
    checked_tags, checked_name = labels.read_tags(tags), read_name(name)
    with transaction.atomic():
        version = _next_version(workspace, actor, checked_name, facts)
        _add_tags(version, checked_tags)
        _consume_uploads(files, paths, version)
        kind = events.VERSION_REGISTERED
        record(kind, version, workspace=workspace, actor=actor, files=len(files), size=version.size)
        _begin_inspection(version)
    return version


def register_derived(
    source: ModelVersion, actor: User | None, files: Mapping[str, Artifact], how: str, facts: Mapping[str, Any]
) -> ModelVersion:
    """The next version of the source's model, made from the source by the studio: ONNX files by their paths.

    Description, tags and properties go over. `how` says what was done. Call it in the transaction of what made the
    files.
    """
    kept = {
        "description": source.description,
        "declared_framework": "onnx",
        "framework": "onnx",
        "properties": source.properties,
        "cpu": source.cpu,
        "memory_gb": source.memory_gb,
        "size": sum(artifact.size for artifact in files.values()),
        "derived_from": source,
        "derivation": {"from": str(source), "how": how, **facts},
    }
    version = _next_version(source.workspace, actor, source.name, kept)
    _add_tags(version, dict(source.tags.values_list("key", "value")))
    VersionFile.objects.bulk_create(
        VersionFile(version=version, path=safe_path(path), artifact=artifact) for path, artifact in files.items()
    )
    workspace, derived = version.workspace, {"source": str(source), "how": how}
    record(events.VERSION_REGISTERED, version, workspace=workspace, actor=actor, files=len(files), size=version.size)
    record(events.VERSION_DERIVED, version, workspace=workspace, actor=actor, **derived)
    _begin_inspection(version)
    return version


def find_version(workspace: Workspace, reference: str) -> ModelVersion:
    """The version behind 'iris:3', 'iris:latest' or 'iris' (the newest). Raises `NotFound`."""
    name, number = split_reference(reference)
    rows = ModelVersion.objects.in_workspace(workspace).filter(model__name=name).select_related("model", "created_by")
    found = rows.order_by("-number").first() if number is None else rows.filter(number=number).first()
    if found is None:
        raise NotFound(
            f"There is no model version '{reference[:300]}' in {workspace.slug}.",
            hint="Write it as name:number, or name:latest for the newest.",
        )
    return found


def edit_tags(version: ModelVersion, actor: User, add: Tags = (), remove: Iterable[str] = ()) -> None:
    """Set the tags in `add` (a new value replaces the old one) and take away the keys in `remove`."""
    added = labels.read_tags(add)
    with _editing(version, "tags", actor, added=added, removed=sorted(remove)) as details:
        replaced = Tag.objects.filter(version=version, key__in=[*remove, *added])
        details["before"] = dict(replaced.values_list("key", "value"))
        Tag.objects.filter(version=version, key__in=[*remove, *added]).delete()
        _add_tags(version, added)
        labels.read_tags(dict(Tag.objects.filter(version=version).values_list("key", "value")))  # not too many now?


def edit_description(version: ModelVersion, actor: User, description: str) -> None:
    text = read_description(description)
    with _editing(version, "description", actor):
        ModelVersion.objects.filter(pk=version.pk).update(description=text)
        version.description = text


def add_properties(version: ModelVersion, actor: User, added: Mapping[str, Any]) -> None:
    """Add properties; `Conflict` when one of them is there with another value."""
    checked = labels.read_properties(added)
    with _editing(version, "properties", actor, added=checked):
        # `_editing` holds the model's row, so that nobody adds others between reading and writing.
        existing = ModelVersion.objects.values_list("properties", flat=True).get(pk=version.pk)
        version.properties = labels.extended(existing, checked)
        version.save(update_fields=["properties"])


def delete_version(version: ModelVersion, actor: User) -> None:
    """Delete a version; its number is never given again. `InUse` names the services that need it."""
    _must_be_unused(version)
    try:
        with transaction.atomic():
            record(events.VERSION_DELETED, version, workspace=version.workspace, actor=actor)
            _touch(version.model)
            version.delete()
    except (ProtectedError, IntegrityError):  # a service took it up in the meantime
        _must_be_unused(version)
        raise


def inspect_again(version: ModelVersion, actor: User) -> None:
    """Have a rejected or damaged version inspected once more; `Conflict` in any other state."""
    with transaction.atomic():
        move(version, VersionState.UPLOADED, moves=VERSION_MOVES, rejection=None)
        record(events.VERSION_REINSPECTION_REQUESTED, version, workspace=version.workspace, actor=actor)
        _begin_inspection(version)


def read_name(name: str) -> str:
    """A model's name, or `BadInput` with the rule."""
    text = name.strip()
    try:
        name_rule(text)
    except ValidationError as reason:
        raise BadInput(
            f"'{text[:80]}' cannot be a model's name.", hint=str(name_rule.message), field="name"
        ) from reason
    return text


def read_description(description: str) -> str:
    text = description.replace("\r\n", "\n").strip()
    if len(text) > MAX_DESCRIPTION or "\x00" in text:
        raise BadInput(
            f"A description may have at most {MAX_DESCRIPTION:,} characters and no NUL.", field="description"
        )
    return text


def check_files(files: list[Upload], workspace: Workspace, actor: User) -> list[str]:
    """The safe paths of the uploads, in their order. Raises `BadInput` for what cannot make a version."""
    if not files:
        raise BadInput("A version needs at least one file.", field="files")
    if len(files) > MAX_FILES:
        raise BadInput(f"A version may have at most {MAX_FILES:,} files.", hint="Send an archive.", field="files")
    for upload in files:
        if upload.workspace_id != workspace.pk or upload.user_id != actor.pk:
            raise BadInput("One of the files is not an upload of yours in this workspace.", field="files")
        if not upload.is_complete:
            raise BadInput(f"{upload.path} has not arrived completely.", hint="Complete the upload.", field="files")
    if not any(upload.size for upload in files):
        raise BadInput(f"{files[0].path} is empty.", hint="Send a file with content.", field="files")
    paths = [safe_path(upload.path) for upload in files]
    must_not_clash(paths)
    return paths


def must_not_clash(paths: list[str]) -> None:
    """No two files at one place, on file systems that ignore case too; no file where another has its folder."""
    taken: dict[str, str] = {}
    for path in paths:
        if (place := place_of(path)) in taken:
            raise BadInput(f"Two files have the same place: {taken[place]} and {path}.", field="files")
        taken[place] = path
    for path in paths:
        for folder in PurePosixPath(path).parents:
            if other := taken.get(place_of(str(folder))):
                raise BadInput(f"{other} is both a file and the folder of {path}.", field="files")


def _next_version(workspace: Workspace, actor: User | None, name: str, facts: dict[str, Any]) -> ModelVersion:
    """A row with the next number. The UPDATE holds the model's row until the commit, so numbers are given once."""
    model, _ = Model.objects.get_or_create(workspace=workspace, name=name, defaults={"created_by": actor})
    number = take_number(Model.objects.filter(pk=model.pk), updated_at=timezone.now())
    model.refresh_from_db(fields=["last_number", "updated_at"])
    return ModelVersion.objects.create(workspace=workspace, model=model, number=number, created_by=actor, **facts)


def _consume_uploads(files: list[Upload], paths: list[str], version: ModelVersion) -> None:
    VersionFile.objects.bulk_create(
        VersionFile(version=version, path=path, artifact_id=cast(str, upload.artifact_id))  # `check_files` saw them
        for upload, path in zip(files, paths, strict=True)
    )
    gone, _ = Upload.objects.filter(pk__in=[upload.pk for upload in files]).delete()
    if gone != len(files):
        raise Conflict("Some of these files were used for another version a moment ago.", field="files")


def _add_tags(version: ModelVersion, tags: dict[str, str]) -> None:
    Tag.objects.bulk_create(
        Tag(workspace_id=version.workspace_id, model_id=version.model_id, version=version, key=key, value=value)
        for key, value in tags.items()
    )


def _begin_inspection(version: ModelVersion) -> None:
    create_job(Inspection, version=version)


@contextmanager
def _editing(version: ModelVersion, what: str, actor: User, **details: Any) -> Iterator[dict[str, Any]]:
    """One transaction around a change: holds the model's row, writes the event. Yields its details, to be added to."""
    with transaction.atomic():
        _touch(version.model)
        if not ModelVersion.objects.filter(pk=version.pk).exists():
            raise NotFound(f"{version} was deleted in the meantime.")
        yield details
        record(events.VERSION_UPDATED, version, workspace=version.workspace, actor=actor, what=what, **details)


def _touch(model: Model) -> None:
    Model.objects.filter(pk=model.pk).update(updated_at=timezone.now())


def _must_be_unused(version: ModelVersion) -> None:
    services = usage.services_using(version)
    if services:
        raise InUse(
            f"{version} is used by {'the service' if len(services) == 1 else 'the services'} {', '.join(services)}.",
            hint="Delete them first, or deploy another version there and delete the old revisions.",
        )


def _short(text: str, field: str) -> str:
    cut = text.strip()
    if len(cut) > MAX_FRAMEWORK_VERSION or not cut.isprintable():
        raise BadInput(f"'{cut[:40]}' is not a version number.", field=field)
    return cut
