"""What a revision is made of, and the hashes of it.

The content hash covers models, inference config and environment: equal ones mean equal bundles in equal environments.
The revision hash covers the options too: an equal one says that nothing has changed.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import orjson

from deployments.models import InferenceConfig
from deployments.models.config import ConfigKind
from deployments.recipe.spec import variables_of
from registry.environments.paths import CURATED_HASH
from registry.models import ModelVersion

FORMAT = 1  # raise it when bundles of before can no longer be used


def content_hash(versions: Iterable[ModelVersion], config: InferenceConfig) -> str:
    """Hash of everything that is built: it keys bundles. Options change nothing of it."""
    return hash_of(content_of(versions, config))


def revision_hash(versions: Iterable[ModelVersion], config: InferenceConfig, options: dict[str, Any]) -> str:
    """Hash of everything that decides how a revision behaves. Processes are told it, and recognised by it."""
    variables = variables_of(config)
    told = {"deployment_config": options} | ({"environment_variables": variables} if variables else {})
    return hash_of(content_of(versions, config) | told)


def content_of(versions: Iterable[ModelVersion], config: InferenceConfig) -> dict[str, Any]:
    """The content as a plain value. The order of versions does not matter."""
    environment = config.environment
    return {
        "format": FORMAT,
        "models": sorted((_model(version, config) for version in versions), key=lambda model: model["id"]),
        "kind": config.kind,
        "entry_script": config.entry_script,
        "source": _digests(config),
        "environment": environment.definition_hash if environment else CURATED_HASH,
    }


def _model(version: ModelVersion, config: InferenceConfig) -> dict[str, Any]:
    return {
        "id": version.pk,
        "name": version.model.name,
        "number": version.number,
        "framework": version.framework,
        "signature": version.signature,
        "file": model_file(version, config.kind),
        "files": _digests(version),
        **({"folder": version.folder} if version.folder else {}),  # absent as before there were folders
        **loading_facts(version, config.kind),
    }


def model_file(version: ModelVersion, kind: str) -> str | None:
    """The file that is served, which inspection has chosen among all; None where a script chooses itself."""
    served = version.framework == "onnx" or kind == ConfigKind.NO_CODE
    return version.facts.get("main_file") or None if served else None


def loading_facts(version: ModelVersion, kind: str) -> dict[str, str]:
    """What the loader of a model that is not ONNX is told beside its file; empty for all others."""
    if version.framework == "onnx" or kind != ConfigKind.NO_CODE:
        return {}
    form = str(version.facts.get("format") or "")
    is_script = form == "torch" and version.facts.get("torchscript")
    return {"format": "torchscript" if is_script else form, "framework_version": version.framework_version}


def hash_of(content: dict[str, Any]) -> str:
    """SHA-256, hex, of the value written in one canonical way. Pure."""
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _digests(holder: ModelVersion | InferenceConfig) -> list[list[str]]:
    """Path and digest of every file, in order of path."""
    return sorted([path, digest] for path, digest in holder.files.values_list("path", "artifact_id"))
