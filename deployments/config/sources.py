"""The source files of an inference config on their way in: bytes that somebody typed, uploads, files of another one."""

import shutil
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

from registry.models import Artifact, Upload
from registry.store import artifacts
from registry.versions.registration import must_not_clash
from studio.accounts.models import Workspace
from studio.core.errors import BadInput, NotFound

MAX_FILES = 1000
MAX_SCRIPT_BYTES = 1024 * 1024  # of a Python file; larger ones are data under a wrong name
MAX_SOURCE_BYTES = 2 * 1024**3  # all files of a config together
Content = bytes | Upload | Artifact
Files = Sequence[Upload] | Mapping[str, Content]


def gather(files: Files, workspace: Workspace) -> dict[str, Content]:
    """Content by safe path, however the files were given. Raises `BadInput` for what a config cannot hold."""
    pairs = list(files.items()) if isinstance(files, Mapping) else [(upload.path, upload) for upload in files]
    paths = [artifacts.safe_path(path) for path, _ in pairs]
    must_not_clash(paths)
    gathered = {path: content for path, (_, content) in zip(paths, pairs, strict=True)}
    _check_uploads([content for content in gathered.values() if isinstance(content, Upload)], workspace)
    _check_sizes(gathered)
    return gathered


def _check_uploads(uploads: list[Upload], workspace: Workspace) -> None:
    for upload in uploads:
        if upload.workspace_id != workspace.pk:
            raise NotFound("One of the files is not an upload in this workspace.", field="files")
        _artifact_of(upload)


def _check_sizes(files: Mapping[str, Content]) -> None:
    sizes = {path: len(content) if isinstance(content, bytes) else content.size for path, content in files.items()}
    if len(files) > MAX_FILES:
        raise BadInput(f"A config may have at most {MAX_FILES:,} files; these are {len(files):,}.", field="files")
    for path, size in sizes.items():
        if path.endswith(".py") and size > MAX_SCRIPT_BYTES:
            raise BadInput(f"{path} has {size:,} bytes; a Python file may have {MAX_SCRIPT_BYTES:,}.", field="files")
    if sum(sizes.values()) > MAX_SOURCE_BYTES:
        raise BadInput(
            f"The files have more than {MAX_SOURCE_BYTES:,} bytes together.",
            hint="Register large files as a model version; the script finds it under AZUREML_MODEL_DIR.",
            field="files",
        )


def bytes_of(content: Content) -> bytes:
    """The text of a source file; its size was checked."""
    if isinstance(content, bytes):
        return content
    with artifacts.open_artifact(stored(content)) as opened:
        return opened.read(MAX_SCRIPT_BYTES)


def copy_to(content: Content, place: Path) -> None:
    """Write a copy of the content, whose folder is made if need be."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        place.write_bytes(content)
        return
    with artifacts.open_artifact(_artifact_of(content)) as opened, place.open("wb") as copy:
        shutil.copyfileobj(opened, copy)


def stored(content: Content) -> Artifact:
    """The content as an artifact, kept by its digest."""
    return artifacts.store(BytesIO(content)) if isinstance(content, bytes) else _artifact_of(content)


def _artifact_of(content: Upload | Artifact) -> Artifact:
    if isinstance(content, Artifact):
        return content
    if content.artifact is None:
        raise BadInput(f"{content.path} has not arrived completely.", hint="Complete the upload.", field="files")
    return content.artifact
