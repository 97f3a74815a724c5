"""What a model version's properties say about the meaning of its numbers: names of columns and classes, ranges.

People give them as properties of the version: `columns` and `classes` as a list, or as text with commas; `ranges` as an
object of [lowest, highest] by name of the column, or as its JSON text. Whatever does not fit is left out: it only makes
a page nicer.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from registry.inspection import signature
from registry.models import ModelVersion


@dataclass(frozen=True)
class ModelWords:
    columns: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def words_of(version: ModelVersion | None) -> ModelWords:
    """The columns of the signature, where the model's files name them, else those of the properties."""
    if version is None:
        return ModelWords()
    known, told = version.properties, _columns(version)
    return ModelWords(
        columns=told or _names(known.get("columns")),
        classes=_names(known.get("classes")),
        ranges=_ranges(known.get("ranges")),
    )


def _columns(version: ModelVersion) -> list[str]:
    columns = signature.read(version.signature).columns if version.signature else None
    return list(columns) if isinstance(columns, list) else []


def _names(given: Any) -> list[str]:
    if isinstance(given, str):
        given = given.split(",")
    return [str(one).strip() for one in given] if isinstance(given, list) else []


def _ranges(given: Any) -> dict[str, tuple[float, float]]:
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError:
            return {}
    if not isinstance(given, dict):
        return {}
    return {name: (pair[0], pair[1]) for name, pair in given.items() if _is_pair(pair)}


def _is_pair(pair: Any) -> bool:
    return isinstance(pair, list) and len(pair) == 2 and all(isinstance(one, (int, float)) for one in pair)
