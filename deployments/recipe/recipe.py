"""The recipe of a revision and its hash: equal hashes mean equal bundles in equal environments."""

import hashlib
from collections.abc import Iterable
from typing import Any

import orjson

from deployments.models import InferenceConfig
from registry.environments.paths import CURATED_HASH
from registry.models import ModelVersion

FORMAT = 1  # raise it when bundles of old recipes can no longer be used


def recipe_hash(versions: Iterable[ModelVersion], config: InferenceConfig, deployment_config: dict[str, Any]) -> str:
    """Hash of everything that decides how a revision behaves."""
    return hash_of(recipe_of(versions, config, deployment_config))


def recipe_of(
    versions: Iterable[ModelVersion], config: InferenceConfig, deployment_config: dict[str, Any]
) -> dict[str, Any]:
    """The recipe as a plain value. The order of versions does not matter."""
    environment = config.environment
    return {
        "format": FORMAT,
        "models": sorted((_model(version) for version in versions), key=lambda model: model["id"]),
        "kind": config.kind,
        "entry_script": config.entry_script,
        "source": _digests(config),
        "environment": environment.definition_hash if environment else CURATED_HASH,
        "deployment_config": deployment_config,
    }


def _model(version: ModelVersion) -> dict[str, Any]:
    return {
        "id": version.pk,
        "name": version.model.name,
        "number": version.number,
        "framework": version.framework,
        "signature": version.signature,
        "file": model_file(version),
        "files": _digests(version),
        **({"folder": version.folder} if version.folder else {}),  # absent as before there were folders
    }


def model_file(version: ModelVersion) -> str | None:
    """The file of an ONNX version that is served, which inspection has chosen among all; None for other frameworks."""
    return version.facts.get("main_file") or None if version.framework == "onnx" else None


def hash_of(recipe: dict[str, Any]) -> str:
    """SHA-256, hex, of the recipe written in one canonical way. Pure."""
    return hashlib.sha256(orjson.dumps(recipe, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _digests(holder: ModelVersion | InferenceConfig) -> list[list[str]]:
    """Path and digest of every file, in order of path."""
    return sorted([path, digest] for path, digest in holder.files.values_list("path", "artifact_id"))
