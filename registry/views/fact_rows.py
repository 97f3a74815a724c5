"""What an inspection found, as rows for people. Pure."""

from collections.abc import Mapping
from typing import Any

# Fact to label, in the order of reading. What is missing here (dimensions, which the signature shows) is not shown.
LABELS = {
    "main_file": "Main file",
    "producer": "Producer",
    "graph": "Graph",
    "opset": "Opset",
    "ir_version": "IR version",
    "nodes": "Nodes",
    "parameters": "Parameters",
    "operators": "Operators",
    "runtime": "Tried with",
    "declared_shapes": "Shapes that the file declares",
    "external_data": "External data",
    "metadata": "Metadata",
    "packing": "Packed with",
    "class": "Class",
    "globals": "Classes it loads",
    "skops_version": "skops version",
    "mlflow_flavors": "MLflow flavors",
    "mlflow_version": "MLflow version",
    "tensors": "Tensors",
}


def fact_rows(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(label, text) of every fact that says something."""
    shown = {**facts, "runtime": _trial(facts.get("runtime") or {})}
    return [(label, _text(shown[key])) for key, label in LABELS.items() if shown.get(key) not in (None, "", [], {})]


def _trial(runtime: Mapping[str, Any]) -> str:
    """How loading and running the model went."""
    if not runtime:
        return ""
    name = f"{runtime['name']} {runtime['version']}"
    if runtime["loads"] is None:
        return f"nothing. {runtime['note']}"
    if not runtime["loads"]:
        return f"{name}, which cannot load it"
    rows = ", ".join(map(str, sorted(runtime["rows"])))
    return f"{name}, which loads it" + (f" and answers {rows} rows" if rows else "")


def _text(value: Any) -> str:
    """Counts as 'Conv × 2', lists with commas, large numbers in groups of three."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} × {item}" if _counts(value) else f"{key} {item}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _counts(value: Mapping[str, Any]) -> bool:
    """Operators begin with a capital, opset domains do not."""
    return all(isinstance(item, int) and key.rpartition(".")[2][:1].isupper() for key, item in value.items())
