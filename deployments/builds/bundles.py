"""Bundles: a revision's models and source in one folder that never changes (layout in scoring/contract.py)."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from django.utils import timezone

from deployments.models import BuiltBundle, InferenceConfig, Revision
from deployments.models.config import ConfigKind
from deployments.recipe.build_paths import bundle_path
from deployments.recipe.recipe import loading_facts, model_file
from registry.models import ModelVersion
from registry.store.materialise import materialise
from scoring.contract import Bundle, BundledModel
from studio.core.atomic_folders import flush, make_folder_once
from studio.core.tee import Log


@dataclass(frozen=True)
class Content:
    """What a bundle is made of."""

    content_hash: str
    versions: tuple[ModelVersion, ...]
    config: InferenceConfig

    @staticmethod
    def of(revision: Revision) -> "Content":
        return Content(revision.content_hash, tuple(versions_of(revision)), revision.config)


def make_bundle(content: Content, log: Log) -> Path:
    """The bundle of a content, made unless it is there, and its row. Raises `FileLost` and `FileDamaged`.

    The folder comes first: a worker that dies before it writes the row leaves a folder that the next one finds.
    """
    final = bundle_path(content.content_hash)
    if final.is_dir():
        log.write("The bundle is there already.\n")
    else:
        make_folder_once(final, lambda draft: _fill(draft, content, log))
    _record(content, final)
    return final


def versions_of(revision: Revision) -> list[ModelVersion]:
    """The versions that a revision serves."""
    return [use.version for use in revision.models.select_related("version__model").order_by("version_id")]


def _fill(draft: Path, content: Content, log: Log) -> None:
    versions, config = content.versions, content.config
    draft.mkdir()
    (draft / "models").mkdir()  # AZUREML_MODEL_DIR of a script that brings its model along
    for version in versions:
        log.write(f"Adding {version}.\n")
        files = list(version.files.select_related("artifact"))
        for file in files:
            materialise(file, draft / folder_of(version))
        if version.folder and config.kind != ConfigKind.NO_CODE:
            _offer_below(version.folder, [file.path for file in files], draft / folder_of(version))
    for file in config.files.select_related("artifact"):
        materialise(file, draft / "source")
    counts = _counted(len(versions), "model version"), _counted(config.files.count(), "source file")
    log.write(f"Bundled {' and '.join(counts)}.\n")
    (draft / "bundle.json").write_bytes(_description(content))
    flush(draft)


def _record(content: Content, folder: Path) -> None:
    """Write the row that says the bundle is built."""
    versions, config = content.versions, content.config
    files = [
        (f"{folder_of(version)}/{file.path}", file.artifact_id, file.artifact.size)
        for version in versions
        for file in version.files.select_related("artifact")
    ]
    files += [
        (f"source/{file.path}", file.artifact_id, file.artifact.size)
        for file in config.files.select_related("artifact")
    ]
    description = _description(content)
    files.append(("bundle.json", hashlib.sha256(description).hexdigest(), len(description)))
    listing = sorted((path, digest) for path, digest, _ in files)
    facts = {
        "content_hash": content.content_hash,
        "digest": hashlib.sha256(msgspec.json.encode(listing)).hexdigest(),
        "size_bytes": sum(size for _, _, size in files),
        "last_used_at": timezone.now(),
        "removing_at": None,
    }
    BuiltBundle.objects.update_or_create(place=folder.resolve().name, defaults=facts)


def _description(content: Content) -> bytes:
    return msgspec.json.format(msgspec.json.encode(contents_of(content)))


def contents_of(content: Content) -> Bundle:
    """What bundle.json says."""
    versions, config = content.versions, content.config
    return Bundle(
        kind="no_code" if config.kind == ConfigKind.NO_CODE else "entry_script",
        models=[describe_model(version, config.kind) for version in versions],
        entry_script=config.entry_script or None,
    )


def describe_model(version: ModelVersion, kind: str) -> BundledModel:
    """What bundle.json says of a version that a config of this kind serves."""
    told = loading_facts(version, kind)
    return BundledModel(
        name=version.model.name,
        version=version.number,
        path=folder_of(version),
        framework=version.framework,
        signature=_inputs_of(version.signature) if told else version.signature,
        file=model_file(version, kind),
        folder=version.folder,
        **told,
    )


def _inputs_of(signature: dict[str, Any] | None) -> dict[str, Any] | None:
    """Without outputs: loaders name theirs after methods, and what a file declares has other names."""
    return signature and {key: value for key, value in signature.items() if key != "outputs"}


def folder_of(version: ModelVersion) -> str:
    """Where the version's files lie, relative to the bundle."""
    return f"models/{version.model.name}/{version.number}"


def _offer_below(name: str, paths: list[str], root: Path) -> None:
    """Every file of `root` once more below `root/name`, where scripts written for Azure look for it.

    Hard links and no link of folders: whoever walks through `root` must come to an end. What lies there already stays.
    """
    for path in paths:
        place = root / name / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(root / path, place)
        except (FileExistsError, NotADirectoryError):
            continue
        except OSError:  # a file system without hard links
            place.symlink_to(os.path.relpath(root / path, place.parent))


def _counted(count: int, noun: str) -> str:
    return f"{count or 'no'} {noun}{'' if count == 1 else 's'}"
