"""The catalogue of event types. Each app declares its own in its `events.py`, beside the verbs that record them."""

import re
from dataclasses import dataclass
from typing import Any, TypedDict

AZURE = "Microsoft.MachineLearningServices."  # prefix of Azure's names
_NAME = re.compile(r"[a-z]+\.([a-z]+_)*[a-z]+(ed|t|n)(_back)?")  # noun.verb_past, also of "to roll back"


class NoDetails(TypedDict):
    """An event that says everything with its subject."""


@dataclass(frozen=True)
class EventType:
    """One type of event.

    `name` is `noun.verb_past`: REST, filters and consumers know the type by it, so it never changes. `title` is what
    people read. `subject` is the kind of row it is about, in the glossary's word (a model's `verbose_name`).
    `details` is a TypedDict of what such an event carries beside its subject. `azure` is the name of Azure Machine
    Learning's event of the same meaning, where it has one.
    """

    name: str
    title: str
    subject: str
    details: type = NoDetails
    azure: str = ""

    def check(self, subject: str, details: dict[str, Any]) -> None:
        """Raises TypeError for an event that is not of this type: the code that records it is wrong."""
        if subject != self.subject:
            raise TypeError(f"{self.name} is about a {self.subject}, not a {subject}")
        required, known = self.details.__required_keys__, self.details.__annotations__.keys()  # type: ignore[attr-defined]
        if missing := required - details.keys():
            raise TypeError(f"{self.name} lacks {', '.join(sorted(missing))}")
        if unknown := details.keys() - known:
            raise TypeError(f"{self.name} does not carry {', '.join(sorted(unknown))}")


_types: dict[str, EventType] = {}


def event_type(name: str, title: str, *, subject: str, details: type = NoDetails, azure: str = "") -> EventType:
    """Declare a type of event. Raises ValueError for a name that is taken or not `noun.verb_past`."""
    if name in _types:
        raise ValueError(f"two types of event are called {name!r}")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not of the form noun.verb_past")
    return _types.setdefault(name, EventType(name, title, subject, details, azure))


def event_types() -> list[EventType]:
    """All types, by name."""
    return sorted(_types.values(), key=lambda each: each.name)


def title_of(name: str) -> str:
    """What people read for the type; the name itself for one that no longer exists."""
    found = _types.get(name)
    return found.title if found else name
