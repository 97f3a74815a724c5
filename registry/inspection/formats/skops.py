"""Read skops files without loading them: a zip whose schema.json names the class of everything inside."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from registry.inspection.formats.detection import MAX_SCHEMA
from registry.inspection.formats.pickles import FINDS_COLUMNS, FITTED_ON, MAX_GLOBALS, report_of
from registry.inspection.formats.report import Report
from registry.inspection.formats.rows import number_in, signature_of_rows


def read(path: Path) -> Report:
    """Classes and versions; skops itself loads nothing that is not on a list, so that there is no more to warn of."""
    with zipfile.ZipFile(path) as archive, archive.open("schema.json") as file:
        schema = json.loads(file.read(MAX_SCHEMA))
    nodes = list(_nodes(schema))
    classes = list(dict.fromkeys(name for name in map(_class_of, nodes) if name))
    report = report_of(classes, "skops", "is a skops file")
    if report.framework == "scikit-learn":
        report.framework_version = next(filter(None, map(_sklearn_version, nodes)), "")
    features = next((number_in(node[FITTED_ON]) for node in nodes if FITTED_ON in node), 0)
    if not any(FINDS_COLUMNS.match(name) for name in classes):
        report.signature = signature_of_rows(features)
    own = [name for name in classes if not name.startswith("builtins.")]
    report.facts |= {"class": _class_of(schema), "globals": sorted(own)[:MAX_GLOBALS]}
    report.facts["skops_version"] = str(schema.get("_skops_version", ""))[:32]
    return report


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every object in it, the outer ones first."""
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting += reversed(value.values())
        elif isinstance(value, list):
            waiting += reversed(value)


def _class_of(node: dict[str, Any]) -> str:
    module, name = node.get("__module__"), node.get("__class__")
    return f"{module}.{name}"[:200] if isinstance(module, str) and isinstance(name, str) else ""


def _sklearn_version(node: dict[str, Any]) -> str:
    """Estimators keep the version that made them, as JSON within the JSON."""
    noted = node.get("_sklearn_version")
    content = noted.get("content") if isinstance(noted, dict) else ""
    return content.strip('"')[:32] if isinstance(content, str) else ""
