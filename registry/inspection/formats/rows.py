"""What models on rows of numbers take, as far as their files tell: the number of features, and their names."""

import json
import re
from pathlib import Path
from typing import Any

from registry.inspection.signature import DYNAMIC, Signature, TensorSpec, stored

NAME = "x"  # what the loaders of the scoring server call a matrix of features
MOST_FEATURES = 1_000_000
MOST_NAMES = 10_000
HEAD = 4 * 1024 * 1024  # bytes of a LightGBM file that hold its head
ENDS = 16 * 1024 * 1024  # bytes at either end of an XGBoost file in which its small facts stand
# UBJSON: a key, then S (a text) with its length, or [ with the number of its items; lengths are L and eight bytes.
_FEATURES = re.compile(rb"num_featureSL\0{7}.(\d{1,7})", re.DOTALL)
_VERSION = re.compile(rb"version\[#L\0{7}\x03i(.)i(.)i(.)", re.DOTALL)
_NAMES = re.compile(rb"feature_names\[#L(.{8})", re.DOTALL)
_OBJECTIVE = re.compile(rb"objective\{L\0{7}\x04nameSL\0{7}(.)", re.DOTALL)


def signature_of_rows(features: int, names: list[str] | None = None, datatype: str = "FP64") -> dict[str, Any] | None:
    """A matrix of so many features, with the names of its columns where there is one for each."""
    if not 0 < features <= MOST_FEATURES:
        return None
    inputs = [TensorSpec(NAME, datatype, [DYNAMIC, features])]
    if names and len(names) == features <= MOST_NAMES and len(set(names)) == features:
        return stored(Signature(inputs, columns=names))
    return stored(Signature(inputs))


def ubjson_facts(path: Path) -> tuple[str, dict[str, Any], dict[str, Any] | None]:
    """Version, facts and signature of an XGBoost model in UBJSON, looked up in its bytes; nothing is built of it."""
    with path.open("rb") as file:
        content = file.read(ENDS)
        size = path.stat().st_size
        if size > len(content):
            file.seek(max(len(content), size - ENDS))
            content += file.read()
    names = _names(content)
    features = _FEATURES.search(content)
    objective = _OBJECTIVE.search(content)
    name = content[objective.end() : objective.end() + objective[1][0]].decode("utf-8", "replace") if objective else ""
    signature = signature_of_rows(int(features[1]) if features else 0, names, "FP32")
    return xgboost_version(content), {"objective": name[:100], "features": names[:200]}, signature


def xgboost_version(content: bytes) -> str:
    """`3.2.0` as it stands in UBJSON, also within a pickle; empty where it does not."""
    found = _VERSION.search(content)
    return ".".join(str(part[0]) for part in found.groups()) if found else ""


def _names(content: bytes) -> list[str]:
    found = _NAMES.search(content)
    count, at, names = int.from_bytes(found[1], "big") if found else 0, found.end() if found else 0, list[str]()
    if count > MOST_NAMES:
        return []
    for _ in range(count):
        length = int.from_bytes(content[at + 2 : at + 10], "big")
        if content[at : at + 2] != b"SL" or length > 1000:
            return []
        names.append(content[at + 10 : at + 10 + length].decode("utf-8", "replace"))
        at += 10 + length
    return names


def json_signature(learner: dict[str, Any]) -> dict[str, Any] | None:
    """That of an XGBoost model in JSON."""
    parameters, names = learner.get("learner_model_param"), learner.get("feature_names")
    told = str(parameters.get("num_feature", "")) if isinstance(parameters, dict) else ""
    known = [str(name)[:200] for name in names[:MOST_NAMES]] if isinstance(names, list) else []
    return signature_of_rows(int(told) if told.isdecimal() and len(told) < 8 else 0, known, "FP32")


def lightgbm_facts(path: Path) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Facts and signature from the head of LightGBM's text format, `key=value` by line."""
    with path.open("rb") as file:
        head = file.read(HEAD).partition(b"\n\n")[0].decode("utf-8", "replace")
    told = dict(line.partition("=")[::2] for line in head.splitlines())
    last, names = told.get("max_feature_idx", ""), told.get("feature_names", "").split(" ")
    given = [] if all(name.startswith("Column_") for name in names) else names
    features = int(last) + 1 if last.isdecimal() and len(last) < 8 else 0
    facts = {"objective": told.get("objective", "")[:100], "features": given[:200]}
    return facts, signature_of_rows(features, given)


def number_in(node: Any) -> int:
    """A whole number as skops keeps it: JSON within the JSON."""
    text = node.get("content") if isinstance(node, dict) else ""
    try:
        value = json.loads(text) if isinstance(text, str) else 0
    except ValueError:
        return 0
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
