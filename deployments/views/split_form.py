"""The form of a service's split: what it shows, what of it was typed, and what has changed since it was drawn."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from deployments.errors import BadTraffic
from deployments.services.traffic import TrafficRequest, sticky_in_words
from studio.core.confirmation import Change

REASON_LIMIT = 2000
COLOURS = 4  # of those for series: the others mean failures and what is past


@dataclass(frozen=True)
class Part:
    """A revision's part of the bar: where it begins and how long it is, in per cent."""

    revision: int
    colour: int
    begin: float
    percent: float


def colour_of(revision: int) -> int:
    """The same on every page."""
    return (revision - 1) % COLOURS + 1


def parts_of(percents: Mapping[int, float]) -> list[Part]:
    """In order of their revisions."""
    found, begin = [], 0.0
    for revision, percent in sorted(percents.items()):
        found.append(Part(revision, colour_of(revision), round(begin, 2), percent))
        begin += percent
    return found


def asked(form: QueryDict) -> TrafficRequest:
    """What the form asks for. Raises `BadTraffic`."""
    kind = form.get("sticky_kind", "chance")
    hosts = str(form["hosts"]).replace(",", " ").split() if "hosts" in form else None
    return TrafficRequest(
        percents=_numbers(form, "share-"),
        mirrors=_numbers(form, "mirror-"),
        sticky={} if kind == "chance" else {str(kind): str(form.get("sticky_name", ""))},
        hosts=hosts,
        generation=_generation(form),
        reason=str(form.get("reason", ""))[:REASON_LIMIT],
    )


def whole(text: str) -> int:
    """The number of a revision. Raises `BadTraffic`."""
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:10]) < 2**31):
        raise BadTraffic("That is no number of a revision.", hint="Choose one on the page.", field="revision")
    return int(text)


def command(name: str, wanted: TrafficRequest) -> str:
    """The same on the command line."""
    shares = wanted.percents or {}
    parts = ["slipway service traffic", name, *(f"{number}={percent:g}" for number, percent in sorted(shares.items()))]
    for number, percent in sorted(wanted.mirrors.items()):
        parts += ["--mirror", f"{number}={percent:g}"] if percent else []
    if wanted.sticky is not None:
        parts += ["--sticky", shlex.quote(":".join(next(iter(wanted.sticky.items()), ("none",))))]
    if wanted.hosts is not None:
        parts += [word for host in wanted.hosts or ["none"] for word in ("--host", shlex.quote(host))]
    parts += ["--reason", shlex.quote(wanted.reason)] if wanted.reason else []
    return " ".join(parts)


def as_drawn(found: Mapping[str, Any]) -> str:
    """What the form keeps of the traffic that it was drawn from, of describe_traffic."""
    rows = {str(row["revision"]): [row["percent"], row["mirror_percent"]] for row in found["revisions"]}
    return json.dumps({"rows": rows, "sticky": found["sticky"] or {}, "hosts": found["hosts"]})


def changes_since(drawn: str, found: Mapping[str, Any]) -> list[Change]:
    """What differs between the traffic that a form was drawn from and the present one."""
    before, after = _words_of(drawn), _words_of(as_drawn(found))
    labels = [*before, *(label for label in after if label not in before)]
    differing = [label for label in labels if before.get(label) != after.get(label)]
    return [Change(label, before.get(label, "not running"), after.get(label, "not running")) for label in differing]


def _words_of(drawn: str) -> dict[str, str]:
    """By what they are of; empty where somebody has written what no form has."""
    try:
        kept = json.loads(drawn)
        words = {f"Revision {number}": f"{share:g} %" for number, (share, _) in kept["rows"].items()}
        copies = {f"Copies to revision {number}": f"{mirror:g} %" for number, (_, mirror) in kept["rows"].items()}
        routing = {
            "Same revision by": sticky_in_words(kept["sticky"]),
            "Host names": ", ".join(kept["hosts"]) or "none",
        }
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}
    return words | copies | routing


def _generation(form: QueryDict) -> int | None:
    text = str(form.get("generation", ""))
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def _numbers(form: QueryDict, prefix: str) -> dict[int, float]:
    """Fields such as share-2, by number of revision."""
    found = {}
    for key, text in form.items():
        if key.startswith(prefix):
            number = whole(key.removeprefix(prefix))
            try:
                found[number] = float(str(text).replace(",", ".") or "0")
            except ValueError as error:
                raise BadTraffic(f"'{str(text)[:50]}' is no number.", hint="For example: 12.5.", field=key) from error
    return found
