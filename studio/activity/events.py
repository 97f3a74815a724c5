"""The catalogue of event types. Each app declares its own in its `events.py`, beside the verbs that record them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

AZURE = "Microsoft.MachineLearningServices."  # prefix of Azure's names
Sentence = str | Callable[[Mapping[str, Any]], tuple[str, str]]
_DETAIL = re.compile(r"\{(\w+)\}")
_NAME = re.compile(r"[a-z]+\.([a-z]+_)*[a-z]+(ed|t|n)(_back)?")  # noun.verb_past, also of "to roll back"


class NoDetails(TypedDict):
    """An event that says everything with its subject."""


@dataclass(frozen=True)
class EventType:
    """One type of event.

    `name` is `noun.verb_past`: REST, filters and consumers know the type by it, so it never changes. `title` is what
    people read. `subject` is the kind of row it is about, in the glossary's word (a model's `verbose_name`).
    `sentence` goes on behind the name of whoever did it: "deployed {subject} as revision {revision}", with the names of
    details in braces, or a function from the details to what stands before and behind the subject. `details` is a
    TypedDict of what such an event carries beside its subject. `azure` is the name of Azure Machine Learning's event
    of the same meaning, where it has one.
    """

    name: str
    title: str
    subject: str
    sentence: "Sentence" = ""
    details: type = NoDetails
    azure: str = ""

    def sentence_around_subject(self, details: Mapping[str, Any]) -> tuple[str, str]:
        """What people read before and behind the subject's name, which a page makes a link.

        With "renamed {subject} to {new}" and {"new": "iris"}: ("renamed ", " to iris").
        """
        if callable(self.sentence):
            return self.sentence(details)
        before, _, after = (self.sentence or f"{self.title}: {{subject}}").partition("{subject}")
        return _filled(before, details), _filled(after, details)

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


def event_type(
    name: str, title: str, *, subject: str, sentence: Sentence = "", details: type = NoDetails, azure: str = ""
) -> EventType:
    """Declare a type of event. Raises ValueError for a name that is taken or not `noun.verb_past`."""
    if name in _types:
        raise ValueError(f"two types of event are called {name!r}")
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not of the form noun.verb_past")
    return _types.setdefault(name, EventType(name, title, subject, sentence, details, azure))


def event_types() -> list[EventType]:
    """All types, by name."""
    return sorted(_types.values(), key=lambda each: each.name)


def title_of(name: str) -> str:
    """What people read for the type; the name itself for one that no longer exists."""
    found = _types.get(name)
    return found.title if found else name


def sentence_of(name: str, details: Mapping[str, Any]) -> tuple[str, str]:
    """The sentence of an event before and behind its subject, also for a type that no longer exists."""
    found = _types.get(name) or EventType(name, name, "")
    return found.sentence_around_subject(details)


def _filled(pattern: str, details: Mapping[str, Any]) -> str:
    """Details in place of their names in braces; events of older releases may lack some."""

    def value(found: re.Match[str]) -> str:
        detail = details.get(found[1], "?")
        return ", ".join(map(str, detail)) if isinstance(detail, list) else str(detail)

    return _DETAIL.sub(value, pattern)
