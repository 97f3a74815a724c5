"""One run: the original asked, each variant made, compared and measured. Tells everything as it goes.

A variant that crashes the process is left out by whoever starts it again (`skip`), with its name in the report.
"""

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from registry.conversion.inside import timing, variants
from registry.conversion.inside.comparison import (
    Answers,
    Difference,
    Misfit,
    are_scores_of,
    compare,
    metric,
    with_decision,
)
from registry.conversion.inside.original import Original, Refused
from registry.conversion.inside.rows import HUGE, LIKE, MISSING, OWN, Rows, count_of, part, repeated
from registry.conversion.inside.session import Session
from registry.conversion.inside.variants import NotTried, Variant

MANY = 1000  # rows
COMPANY = 3  # rows at once, where shapes of one row may hide what is wrong
Tell = Callable[[dict[str, Any]], None]


@dataclass
class Study:
    """`own` and `labels`: a person's rows. `out`: where the files of variants go."""

    original: Original
    own: Rows | None
    labels: Any
    out: Path
    tell: Tell
    skip: Mapping[str, str]

    def run(self, names: Sequence[str]) -> None:
        rows, groups = self._groups()
        source = self._convert()
        wanted = [one for one in variants.ALL if one.name in names]
        sessions: dict[str, Session] = {}
        for turn, one in enumerate(wanted):
            self._step(f"making {one.title}", 0.2 + 0.4 * turn / len(wanted))
            found, facts = self._make(one, source, rows, groups)
            self.tell(
                {"variant": {"name": one.name, "title": one.title, "note": one.note, "reduced": one.reduced} | facts}
            )
            if found:
                sessions[one.name] = found
        self._step("measuring", 0.65)
        self._measure(sessions, rows)

    def _step(self, step: str, share: float) -> None:
        self.tell({"step": step, "share": share})

    def _groups(self) -> tuple[Rows, dict[str, tuple[Rows, Answers]]]:
        """The rows that are measured with, and what the original answers to each kind of rows."""
        self._step("asking the original", 0.1)
        rows = self.own if self.own is not None else self.original.draw()
        groups = {OWN if self.own is not None else LIKE: (rows, self._first_answers(rows))}
        others = [] if self.own is None else [(LIKE, None)]
        for kind, found in [*others, *self.original.probes()]:
            try:
                asked = found if found is not None else self.original.draw()
                groups[kind] = (asked, self._decided(self.original.ask(asked)))
            except Exception:  # noqa: S112 - it does not take such rows, and neither need its variants
                continue
        measured = self.labels is not None and self._metric(groups[OWN][1])
        title = {"title": self.original.title, "rows": count_of(rows), "kinds": list(groups)}
        self.tell({"original": title | ({"metric": measured[0], "score": measured[1]} if measured else {})})
        return rows, groups

    def _decided(self, answers: Answers) -> Answers:
        """With labels, where the numbers of classes are all that a network gives."""
        return with_decision(answers) if self.labels is not None and are_scores_of(answers, self.labels) else answers

    def _metric(self, answers: Answers) -> tuple[str, float]:
        try:
            return metric(answers, self.labels)
        except (ValueError, TypeError) as reason:
            raise Refused(
                "bad_labels", f"The labels do not fit the answers: {reason}", hint="Name another column of the rows."
            ) from reason

    def _first_answers(self, rows: Rows) -> Answers:
        try:
            return self._decided(self.original.ask(rows))
        except MemoryError:
            raise
        except Exception as reason:
            raise Refused(
                "original_fails",
                f"The model itself does not answer these rows: {type(reason).__name__}: {str(reason)[:300]}",
                hint="Send rows that it takes, as CSV or JSON.",
                evidence=traceback.format_exc(),
            ) from reason

    def _convert(self) -> Path:
        """The plain ONNX file, in which every variant begins. Raises `Refused`."""
        self._step("converting", 0.15)
        place = self.out / "source.onnx"
        try:
            model = self.original.convert()
        except (Refused, MemoryError):
            raise
        except Exception as reason:  # converters raise whatever comes
            raise Refused(
                "converter_failed",
                f"{self.original.title} could not be converted: {type(reason).__name__}: {str(reason)[:300]}",
                hint="The converter does not know this model, or this setting of it. Serve the version as it is.",
                evidence=traceback.format_exc(),
            ) from reason
        onnx.save(model, place)
        return place

    def _make(
        self, one: Variant, source: Path, rows: Rows, groups: Mapping[str, tuple[Rows, Answers]]
    ) -> tuple[Session | None, dict[str, Any]]:
        if why := self.skip.get(one.name):
            return None, {"failure": why}
        place = self.out / f"{one.name}.onnx"
        self.tell({"trying": one.name})
        try:
            one.make(source, place, rows)
            begun = time.perf_counter()
            session = Session(place, self.original.names_of(Session(source).outputs))
            loaded = time.perf_counter() - begun
            facts = {"size": place.stat().st_size, "load_seconds": loaded} | self._compared(
                session, groups, self._doubtful(one)
            )
        except NotTried as reason:
            return None, {"not_tried": str(reason)}
        except Misfit as reason:
            return None, {"failure": f"It answers in another form: {reason}."}
        except MemoryError:
            return None, {"failure": "Making it needs more memory than SLIPWAY_CONVERSION_MEMORY_BYTES allows."}
        except Exception as reason:  # tools raise whatever comes
            told = str(reason).replace(f"{place.parent}/", "")  # where it lies is the studio's own matter
            text = f"{type(reason).__name__}: {told[:300]}"
            return None, {"failure": f"It could not be made or run: {text}", "evidence": traceback.format_exc()[-4000:]}
        return session, facts

    def _doubtful(self, one: Variant) -> frozenset[str]:
        """Kinds of rows that only warn: for numbers of fewer bits also made-up ones, where there are real ones."""
        made_up = frozenset({LIKE}) if one.reduced and self.own is not None else frozenset()
        return self.original.doubtful | made_up

    def _compared(
        self, session: Session, groups: Mapping[str, tuple[Rows, Answers]], doubtful: frozenset[str]
    ) -> dict[str, Any]:
        found, warnings, score = [], [], {}
        for kind, (rows, wanted) in groups.items():
            try:
                answers = session.ask(rows)
                answers = with_decision(answers) if "label" in wanted and "label" not in answers else answers
                difference = compare(wanted, answers)
            except Exception as reason:
                if kind in {OWN, LIKE}:
                    raise
                found.append({"kind": kind, "largest": float("inf"), "changed": count_of(rows), "rows": count_of(rows)})
                warnings.append(f"It does not take {kind}: {str(reason)[:200]}")
                continue
            if kind in doubtful and not _is_close(difference):
                warnings.append(_warning(kind, difference))
                continue
            found.append({"kind": kind} | difference.facts())
            if kind == OWN and self.labels is not None:
                score = {"score": self._metric(answers)[1]}
        return {"groups": found + self._in_company(session, groups), "warnings": warnings} | score

    def _in_company(self, session: Session, groups: Mapping[str, tuple[Rows, Answers]]) -> list[dict[str, Any]]:
        """Rows asked alone and three at once: a variant whose answers depend on company changes from call to call."""
        rows = next(iter(groups.values()))[0]
        if getattr(self.original, "fixed_rows", 0) or count_of(rows) < COMPANY:
            return []
        together = session.ask(part(rows, 0, COMPANY))
        alone = [session.ask(part(rows, at, 1)) for at in range(COMPANY)]
        stacked = {name: _stack([one[name] for one in alone]) for name in together}
        return [{"kind": "rows asked alone instead of together"} | compare(together, stacked).facts()]

    def _measure(self, sessions: Mapping[str, Session], rows: Rows) -> None:
        fixed = getattr(self.original, "fixed_rows", 0)
        sizes = {"one": part(rows, 0, fixed or 1), "many": repeated(rows, fixed or MANY)}
        for turn, (size, asked) in enumerate(sizes.items()):
            runs: dict[str, timing.Run] = {"original": self.original.call(asked)}
            runs |= {name: _call(session, asked) for name, session in sessions.items()}
            for name, pace in timing.measure(runs).items():
                facts = {
                    "name": name,
                    "size": size,
                    "rows": count_of(asked),
                    "seconds": pace.seconds,
                    "noise": pace.noise,
                }
                self.tell({"pace": facts})
            self._step("measuring", 0.8 + 0.15 * turn)


def _call(session: Session, rows: Rows) -> timing.Run:
    feed = session.feed(rows)
    return lambda: session.run(feed)


def _stack(arrays: Sequence[Any]) -> Any:
    import numpy

    return numpy.concatenate(arrays)


def _is_close(difference: Difference) -> bool:
    return difference.changed == 0 and difference.largest <= 1e-4


def _bound(largest: float) -> str:
    return f"up to {largest:.2g}" if largest < float("inf") else "to no number at all"


def _warning(kind: str, difference: Difference) -> str:
    why = {
        HUGE: "Values beyond 16 million lose digits as 32-bit numbers",
        MISSING: "Missing values are taken otherwise",
        LIKE: "Rows that are nothing like yours may be answered otherwise",
    }[kind]
    return (
        f"{why}: of {difference.rows} made-up {kind} {difference.changed} are decided otherwise, and answers move by "
        f"{_bound(difference.largest)}. Send rows of yours if the model is asked with such."
    )
