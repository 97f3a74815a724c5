"""MLflow's MLmodel file: which flavors a folder has, what its model takes and gives, and the order of its columns."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from registry.inspection import untrusted_yaml
from registry.inspection.formats.report import Report
from registry.inspection.signature import DYNAMIC, Signature, TensorSpec, read, stored

NAME = "MLmodel"
MAX_BYTES = 4 * 1024 * 1024
MAX_COLUMNS = 10_000
MAX_SIZE = 2**31 - 1  # of a dimension; what is larger is none, and may be more than JSON keeps
# Flavor: our framework, and where the flavor keeps its version.
_FLAVORS = {
    "sklearn": ("scikit-learn", "sklearn_version"),
    "pytorch": ("pytorch", "pytorch_version"),
    "keras": ("keras", "keras_version"),
    "tensorflow": ("tensorflow", "tensorflow_version"),
    "xgboost": ("xgboost", "xgb_version"),
    "lightgbm": ("lightgbm", "lgb_version"),
    "catboost": ("catboost", "catboost_version"),
}
# MLflow's names of column types, and numpy's of tensors, in the protocol's words; the rest keep their own names.
_DATATYPES = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
    "binary": "BYTES",
    "bool": "BOOL",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    "str": "BYTES",
    "object": "BYTES",
} | {f"{sign}int{bits}": f"{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}


def add_to(report: Report, root: Path) -> None:
    """Complete a report by what the topmost MLmodel says; a file that cannot be read says nothing.

    A graph knows its own inputs and outputs better; of the file it takes only the columns.
    """
    content = _content(root)
    flavors = content.get("flavors")
    if not isinstance(flavors, dict) or not flavors:
        return
    report.facts |= {"mlflow_flavors": sorted(str(name)[:100] for name in flavors)[:50]}
    report.facts |= {"mlflow_version": str(content.get("mlflow_version") or "")[:32]}
    if report.framework != "onnx":
        _add_framework(report, flavors)
    declared = _signature(content.get("signature"))
    if report.signature is None:
        report.signature = stored(declared) if declared.inputs or declared.outputs else None
    elif declared.columns:
        graph = read(report.signature)
        report.signature = stored(Signature(graph.inputs, graph.outputs, declared.columns))


def _content(root: Path) -> dict[str, Any]:
    places = sorted(root.rglob(NAME), key=lambda path: (len(path.parts), path))
    for path in places[:1]:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            continue
        try:
            content = untrusted_yaml.load(path.read_bytes())
        except untrusted_yaml.Unreadable:
            continue
        return content if isinstance(content, dict) else {}
    return {}


def _add_framework(report: Report, flavors: dict[str, Any]) -> None:
    known = next((name for name in _FLAVORS if name in flavors), None)
    if known is None:
        return
    framework, key = _FLAVORS[known]
    options = flavors[known] if isinstance(flavors[known], dict) else {}
    if report.framework != framework or not report.framework_version:
        report.framework_version = str(options.get(key) or "")[:32]
    report.framework = framework


def _signature(value: Any) -> Signature:
    """Empty where there is none. Both sides are JSON within the YAML."""
    sides = value if isinstance(value, dict) else {}
    inputs, outputs = (_list(sides.get(side)) for side in ("inputs", "outputs"))
    specs = [_spec(one, "input") for one in inputs]
    named = all(one.get("type") != "tensor" and isinstance(one.get("name"), str) for one in inputs)
    columns = [spec.name for spec in specs] if named else []
    taken = Signature(specs, [_spec(one, "output") for one in outputs])
    return Signature(taken.inputs, taken.outputs, columns) if columns else taken


def _list(text: Any) -> list[dict[str, Any]]:
    try:
        value = json.loads(text) if isinstance(text, str) else []
    except (ValueError, RecursionError):
        return []
    whole = isinstance(value, list) and len(value) <= MAX_COLUMNS and all(isinstance(one, dict) for one in value)
    return value if whole else []


def _spec(one: dict[str, Any], unnamed: str) -> TensorSpec:
    name = str(one.get("name") or unnamed)[:200]
    tensor = one.get("tensor-spec")
    if isinstance(tensor, dict):
        return TensorSpec(name, _datatype(tensor.get("dtype")), _shape(tensor.get("shape")))
    return TensorSpec(name, _datatype(one.get("type")), [DYNAMIC], optional=one.get("required") is False)


def _datatype(declared: Any) -> str:
    name = str(declared or "unknown")[:32]
    return _DATATYPES.get(name, name.upper())


def _shape(declared: Any) -> list[int]:
    sizes: Iterable[Any] = declared if isinstance(declared, list) else [DYNAMIC]
    return [size if isinstance(size, int) and 0 <= size <= MAX_SIZE else DYNAMIC for size in sizes][:32]
