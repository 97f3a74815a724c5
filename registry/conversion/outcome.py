"""Pure: from what the program told to variants with verdicts, and the sentence about them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from registry.conversion.inside.verdicts import FAILED, Gates, Measured, Verdict, judge


class Group(msgspec.Struct):
    kind: str = ""
    largest: float | None = None  # None: not a number, or without bounds
    mean: float | None = None
    changed: int = 0
    rows: int = 0
    agreement: float = 1.0
    worst: list[int] = []


class ToldVariant(msgspec.Struct):
    """What the program tells of a variant."""

    name: str
    title: str = ""
    note: str = ""
    reduced: bool = False
    size: int = 0
    load_seconds: float = 0.0
    groups: list[Group] = []
    warnings: list[str] = []
    failure: str = ""
    not_tried: str = ""
    evidence: str = ""
    score: float | None = None


class Pace(msgspec.Struct):
    name: str
    size: str
    rows: int
    seconds: float
    noise: float


@dataclass
class Outcome:
    """`original`: title, rows, kinds, metric and score, paces; `variants` in the order in which they were made."""

    original: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    variants: dict[str, ToldVariant] = field(default_factory=dict)
    paces: dict[tuple[str, str], Pace] = field(default_factory=dict)
    refused: dict[str, str] | None = None
    done: bool = False
    trying: str = ""

    def add(self, told: Mapping[str, Any]) -> None:
        """One line of the program's. What is not as it should be is left out."""
        try:
            if "variant" in told:
                found = msgspec.convert(told["variant"], ToldVariant, strict=False)
                self.variants[found.name] = found
                self.trying = ""
            elif "pace" in told:
                pace = msgspec.convert(told["pace"], Pace, strict=False)
                self.paces[pace.name, pace.size] = pace
            elif "original" in told:
                self.original = dict(msgspec.convert(told["original"], dict[str, Any]))
            elif "refused" in told:
                self.refused = msgspec.convert(told["refused"], dict[str, str])
        except msgspec.ValidationError:
            return
        if isinstance(told.get("note"), str) and len(self.notes) < 20:
            self.notes.append(told["note"][:500])
        self.trying = str(told.get("trying", self.trying))[:32]
        self.done = self.done or told.get("done") is True

    def result(self) -> dict[str, Any]:
        """What the conversion keeps of the original."""
        return self.original | {"paces": self._paces_of("original"), "notes": self.notes}

    def _paces_of(self, name: str) -> dict[str, Any]:
        return {size: msgspec.to_builtins(pace) for (one, size), pace in self.paces.items() if one == name}

    def judged(self, gates: Gates) -> list[dict[str, Any]]:
        """Columns of a row for each variant."""
        measured = [self._measured(one) for one in self.variants.values()]
        verdicts = judge(measured, gates)
        return [self._columns(self.variants[one.name], one, verdicts[one.name], gates) for one in measured]

    def _measured(self, told: ToldVariant) -> Measured:
        found = Measured(told.name, reduced=told.reduced, failure=told.failure, not_tried=told.not_tried)
        found.groups = [
            (one.kind, float("inf") if one.largest is None else one.largest, one.changed, one.rows)
            for one in told.groups
        ]
        noises = []
        for size in ("one", "many"):
            mine, original = self.paces.get((told.name, size)), self.paces.get(("original", size))
            if mine and original and mine.seconds > 0:
                setattr(found, size, original.seconds / mine.seconds)
                noises += [mine.noise, original.noise]
                found.many_rows = mine.rows
            elif not found.failure and not found.not_tried:
                found.failure = "It could not be measured."
        found.noise = max(noises, default=0.0)
        score = self.original.get("score")
        if told.score is not None and isinstance(score, int | float):
            found.metric_loss = (score - told.score) * (1 if self.original.get("metric") == "accuracy" else -1)
        return found

    def _columns(self, told: ToldVariant, one: Measured, verdict: Verdict, gates: Gates) -> dict[str, Any]:
        facts = msgspec.to_builtins(told)
        for name in ("name", "failure", "not_tried"):
            facts.pop(name)
        facts |= {"paces": self._paces_of(told.name), "noise": one.noise, "tolerance": gates.of(reduced=told.reduced)}
        finite = [group.largest for group in told.groups if group.largest is not None]
        return {
            "name": told.name,
            "verdict": verdict.word,
            "reason": verdict.reason,
            "one": one.one or None,
            "many": one.many or None,
            "largest": max(finite, default=None),
            "changed": sum(group.changed for group in told.groups) if told.groups else None,
            "facts": facts,
        }


def crashed(name: str, code: int) -> dict[str, Any]:
    """What is kept of a variant over which the process died."""
    return {"name": name, "failure": f"ONNX Runtime or the tool crashed over it ({_signal(code)})."}


def _signal(code: int) -> str:
    import signal

    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"exit status {code}"


def sentence(variants: Iterable[Mapping[str, Any]]) -> str:
    """What came of it, in words."""
    listed = list(variants)
    best = next((one for one in listed if one["verdict"] == "recommended"), None)
    if best:
        title, one, many = best["facts"]["title"], best["one"], best["many"]
        return f"{title} answers {one:.1f} times as fast for one row, {many:.1f} times for many, with the same answers."
    if listed and all(one["verdict"] == FAILED for one in listed):
        return "No variant could be made."
    return "Keep the original: no variant is faster with the same answers."
