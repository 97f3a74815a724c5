"""Formats that tell enough in their first lines: safetensors, boosters as JSON, Keras archives, HDF5."""

import json
import mmap
import zipfile
from math import prod
from pathlib import Path
from typing import Any

from registry.inspection.formats.report import Refused, Report
from registry.inspection.formats.rows import json_signature, lightgbm_facts, ubjson_facts

MAX_JSON_IN_ZIP = 64 * 1024 * 1024  # bytes


def read_safetensors(path: Path) -> Report:
    """Names and sizes of the tensors; raises `Refused` when they reach beyond the file."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header: dict[str, Any] = json.loads(file.read(length))
            metadata = header.pop("__metadata__", {})
            end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
            parameters = sum(prod(entry["shape"]) for entry in header.values())
            types = sorted({str(entry["dtype"]) for entry in header.values()})
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
            return Report("binary", "is binary data of an unknown kind")
    if length + 8 + end > path.stat().st_size:
        raise Refused(
            "safetensors_truncated",
            f"{path.name} is shorter than its own table of contents says.",
            hint="Compare its size with the original and send it again.",
        )
    facts = {"tensors": len(header), "parameters": parameters, "parameter_bytes": end, "types": types}
    return Report("safetensors", "is safetensors", "safetensors", facts=facts | {"metadata": _texts(metadata)})


def read_json(path: Path) -> Report:
    """XGBoost writes its models as JSON; other JSON is just data."""
    content = json.loads(path.read_bytes())
    if not isinstance(content, dict) or "learner" not in content:
        return Report("json", "is JSON text")
    version = ".".join(str(part) for part in content.get("version", []) if isinstance(part, int))
    learner = content["learner"] if isinstance(content["learner"], dict) else {}
    objective = learner.get("objective")
    name = objective.get("name", "") if isinstance(objective, dict) else ""
    facts = {"objective": str(name)[:100], "features": _names(learner.get("feature_names"))}
    report = Report("xgboost", "is an XGBoost model", "xgboost", version[:32], facts=facts)
    report.signature = json_signature(learner)
    return report


def read_ubjson(path: Path) -> Report:
    """XGBoost's binary format; only its small facts are looked up."""
    version, facts, signature = ubjson_facts(path)
    return Report("xgboost-ubj", "is an XGBoost model", "xgboost", version, signature, facts)


def read_lightgbm(path: Path) -> Report:
    """LightGBM's text says what it takes in its head, and nothing of the release that wrote it."""
    facts, signature = lightgbm_facts(path)
    return Report("lightgbm", "is a LightGBM model", "lightgbm", "", signature, facts)


def read_keras(path: Path) -> Report:
    """A Keras 3 archive says in metadata.json which version wrote it."""
    metadata = _json_in(path, "metadata.json")
    config = _json_in(path, "config.json")
    layers = config.get("config", {}).get("layers", []) if isinstance(config.get("config"), dict) else []
    facts = {"class": str(config.get("class_name", ""))[:100], "layers": len(layers) if isinstance(layers, list) else 0}
    return Report("keras", "is a Keras model", "keras", str(metadata.get("keras_version", ""))[:32], facts=facts)


def read_hdf5(path: Path) -> Report:
    """Keras keeps `keras_version` as an attribute's name; in other HDF5 files there is no such text."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        keras = content.find(b"keras_version") >= 0 or content.find(b"model_config") >= 0
    return Report("hdf5", "is a Keras model in HDF5" if keras else "is HDF5 data", "keras" if keras else "custom")


def _json_in(path: Path, name: str) -> dict[str, Any]:
    with zipfile.ZipFile(path) as archive, archive.open(name) as member:
        try:
            content = json.loads(member.read(MAX_JSON_IN_ZIP))
        except (ValueError, RecursionError):
            return {}
    return content if isinstance(content, dict) else {}


def _texts(metadata: Any) -> dict[str, str]:
    pairs = list(metadata.items())[:50] if isinstance(metadata, dict) else []
    return {str(key)[:100]: str(value)[:1000] for key, value in pairs}


def _names(names: Any) -> list[str]:
    return [str(name)[:100] for name in names[:200]] if isinstance(names, list) else []
