"""The sample models that come with the studio, registered as any other model is."""

import hashlib
import json
from pathlib import Path
from typing import Any

from django.conf import settings

from registry.models import ModelVersion, Upload
from registry.store import uploads
from registry.versions import registration
from studio.accounts.models import User, Workspace

FOLDER = Path(settings.BASE_DIR) / "samples"


def manifest() -> list[dict[str, Any]]:
    """What samples.json says of each sample; the paths in it are relative to FOLDER."""
    entries: list[dict[str, Any]] = json.loads((FOLDER / "samples.json").read_text())
    return entries


def add(workspace: Workspace, actor: User) -> list[ModelVersion]:
    """Register the samples that the workspace does not have yet; gives the new versions."""
    added = []
    for entry in manifest():
        files = [_receive(workspace, actor, entry["name"], path) for path in entry["files"]]
        if _is_there(workspace, entry["name"], files):
            for upload in files:
                uploads.abandon(upload)
        else:
            added.append(_register(workspace, actor, entry, files))
    return added


def entry_of(version: ModelVersion) -> dict[str, Any] | None:
    """What samples.json says of a version that is one of the samples, file by file; else None."""
    held = {file.path: file.artifact_id for file in version.files.all()}
    for entry in manifest():
        if entry["name"] == version.model.name and held == {
            path: _digest(entry["name"], path) for path in entry["files"]
        }:
            return entry
    return None


def _digest(name: str, path: str) -> str:
    with (FOLDER / name / path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _receive(workspace: Workspace, actor: User, name: str, path: str) -> Upload:
    source = FOLDER / name / path
    with source.open("rb") as stream:
        return uploads.receive(workspace, actor, path, stream, source.stat().st_size)


def _is_there(workspace: Workspace, name: str, files: list[Upload]) -> bool:
    """Has some version of this name exactly these files?"""
    wanted = {(upload.path, upload.artifact_id) for upload in files}
    versions = ModelVersion.objects.in_workspace(workspace).filter(model__name=name).prefetch_related("files")
    return any({(file.path, file.artifact_id) for file in version.files.all()} == wanted for version in versions)


def _register(workspace: Workspace, actor: User, entry: dict[str, Any], files: list[Upload]) -> ModelVersion:
    return registration.register(
        workspace=workspace,
        actor=actor,
        name=entry["name"],
        files=files,
        description=(FOLDER / entry["description"]).read_text(),
        tags=entry["tags"],
        properties=entry["properties"],
        framework=entry["framework"],
        framework_version=entry["framework_version"],
    )
