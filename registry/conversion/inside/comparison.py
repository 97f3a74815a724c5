"""How far the answers of a variant are from those of the original. Pure.

`Answers` are arrays by name, the first dimension the rows. What is compared depends on the kind of an array: labels
(texts, whole numbers, true and false) by equality, numbers by difference. NaN equals NaN.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Answers = dict[str, NDArray[Any]]
MAX_WORST = 5  # rows that are named
TIE = 1e-4  # of probability: where the two best are this close, another label is no other decision


class Misfit(Exception):
    """The answers cannot be held against each other: other names, shapes or kinds."""


@dataclass(frozen=True)
class Difference:
    """`largest` and `mean` are absolute; for numbers that are no probabilities they are shares of the range that the
    original's answers span. `changed`: rows with another label, ties left out, of `rows`. `worst`: row numbers."""

    largest: float = 0.0
    mean: float = 0.0
    changed: int = 0
    rows: int = 0
    worst: list[int] = field(default_factory=list)

    @property
    def agreement(self) -> float:
        """Share of rows with the same label."""
        return 1 - self.changed / self.rows if self.rows else 1.0

    def facts(self) -> dict[str, Any]:
        return {
            "largest": self.largest,
            "mean": self.mean,
            "changed": self.changed,
            "rows": self.rows,
            "agreement": self.agreement,
            "worst": self.worst,
        }


def compare(original: Answers, variant: Answers) -> Difference:
    """Raises `Misfit` where the variant answers in another form."""
    if list(original) != list(variant):
        raise Misfit(f"it gives {', '.join(variant) or 'nothing'}, the original {', '.join(original)}")
    rows = len(next(iter(original.values()))) if original else 0
    shifts, changed = np.zeros(rows), np.zeros(rows, bool)
    mean = 0.0
    for name, wanted in original.items():
        given = _same_shape(name, wanted, variant[name])
        if is_label(wanted):
            changed |= _per_row(_unlike(wanted, given), rows).any(axis=1)
        else:
            moved = _per_row(_moved(name, wanted, given), rows)
            shifts = np.maximum(shifts, moved.max(axis=1, initial=0.0))
            mean = max(mean, float(moved.mean()) if moved.size else 0.0)
    changed &= ~_ties(original)
    order = np.lexsort((-shifts, ~changed))  # other labels first, then by shift
    worst = [int(row) for row in order[:MAX_WORST] if shifts[row] > 0 or changed[row]]
    return Difference(float(shifts.max(initial=0.0)), mean, int(changed.sum()), rows, worst)


def is_label(array: NDArray[Any]) -> bool:
    """Whether its values are names of classes rather than amounts."""
    return array.dtype.kind in "OUSbiu"


def _same_shape(name: str, wanted: NDArray[Any], given: NDArray[Any]) -> NDArray[Any]:
    """Vectors and matrices of one column are the same."""
    if given.shape == wanted.shape:
        return given
    if given.size == wanted.size and len(given) == len(wanted) and min(wanted.ndim, given.ndim) == 1:
        return given.reshape(wanted.shape)
    raise Misfit(f"{name} has the shape {given.shape}, of the original {wanted.shape}")


def _unlike(wanted: NDArray[Any], given: NDArray[Any]) -> NDArray[np.bool_]:
    if wanted.dtype.kind in "OUS" or given.dtype.kind in "OUS":
        return np.asarray(wanted.astype(str) != given.astype(str))
    return np.asarray(wanted != given)


def _moved(name: str, wanted: NDArray[Any], given: NDArray[Any]) -> NDArray[Any]:
    if given.dtype.kind not in "fiub":
        raise Misfit(f"{name} holds {given.dtype}, of the original {wanted.dtype}")
    first, second = wanted.astype(np.float64), given.astype(np.float64)
    with np.errstate(invalid="ignore"):
        moved = np.abs(first - second)
    moved[(first == second) | (np.isnan(first) & np.isnan(second))] = 0.0
    moved[np.isnan(moved)] = np.inf  # one of them has no number
    return np.asarray(moved / _unit(name, first))


def _unit(name: str, wanted: NDArray[Any]) -> float:
    """1 for probabilities; otherwise the range that the answers span, or their size where they are all equal."""
    if name == "probabilities":
        return 1.0
    finite = wanted[np.isfinite(wanted)]
    if not finite.size:
        return 1.0
    span = float(finite.max() - finite.min())
    return max(span, float(np.abs(finite).max()) * 1e-3, 1e-9)


def _per_row(values: NDArray[Any], rows: int) -> NDArray[Any]:
    return values.reshape(rows, -1) if rows else values.reshape(0, 1)


def _ties(original: Answers) -> NDArray[np.bool_]:
    """Rows whose two likeliest classes are as good as equal."""
    chances = original.get("probabilities")
    rows = len(next(iter(original.values()))) if original else 0
    if chances is None or chances.ndim != 2 or chances.shape[1] < 2:
        return np.zeros(rows, bool)
    ordered = np.sort(chances.astype(np.float64), axis=1)
    return np.asarray(ordered[:, -1] - ordered[:, -2] <= TIE)


def are_scores_of(answers: Answers, labels: NDArray[Any]) -> bool:
    """Whether the one answer is a number for each class, and the labels are the numbers of classes."""
    first = next(iter(answers.values()))
    if len(answers) > 1 or first.ndim != 2 or first.shape[1] < 2 or labels.dtype.kind != "f":
        return False
    whole = (labels == np.floor(labels)) & (labels >= 0) & (labels < first.shape[1])
    return bool(whole.all())


def with_decision(answers: Answers) -> Answers:
    """With the class of the largest number as its label."""
    first = next(iter(answers.values()))
    return {"label": first.argmax(axis=1), **answers}


def metric(answers: Answers, labels: NDArray[Any]) -> tuple[str, float]:
    """What labelled rows say: accuracy where labels are predicted, otherwise the root of the mean squared error."""
    first = next(iter(answers.values()))
    if "label" in answers and is_label(answers["label"]):
        return "accuracy", float(np.mean(answers["label"].astype(str).ravel() == _spelled(answers["label"], labels)))
    return "rmse", float(np.sqrt(np.mean((first.astype(np.float64).ravel() - labels.astype(np.float64)) ** 2)))


def _spelled(answers: NDArray[Any], labels: NDArray[Any]) -> NDArray[Any]:
    """Labels of a file as the model spells its own: 1.0 in a table is the class 1."""
    if answers.dtype.kind in "iub" and labels.dtype.kind == "f":
        return labels.astype(np.int64).astype(str)
    return labels.astype(str)
