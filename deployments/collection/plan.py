"""Pure: which revisions keep what was built for them, and what may go of all that is stored."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

KEPT_REVISIONS = 5  # newest ones of each service: people may roll back to them


class Kind(StrEnum):
    """What is collected. The order is that of removal: what holds other things goes before them."""

    IMAGE = "image"
    BUNDLE = "bundle"
    ENVIRONMENT = "environment"
    LIBRARY = "library"
    UPLOAD = "upload"
    ARTIFACT = "artifact"
    DRAFT = "draft"


DAY = timedelta(days=1)
GRACE = {  # how long something must have been unused
    Kind.IMAGE: 7 * DAY,  # as its environment
    Kind.BUNDLE: DAY,  # made again in a moment, as long as its artifacts are there
    Kind.ENVIRONMENT: 7 * DAY,  # made again in minutes, and only where packages can be had
    Kind.LIBRARY: DAY,
    Kind.UPLOAD: DAY,  # resumed after a night
    Kind.ARTIFACT: DAY,  # somebody may be about to register it
    Kind.DRAFT: DAY,  # longer than anybody writes one
}


@dataclass(frozen=True)
class RevisionFacts:
    """`is_needed`: it runs, answers or is being built, however old it is."""

    service: int
    number: int
    content_hash: str
    revision_hash: str
    environment: str  # definition hash; empty for none
    is_needed: bool = False


@dataclass(frozen=True)
class Stored:
    """Something that lies on the disk.

    `key` finds it again, `content` is what revisions name it by, `label` is for people. `is_left`: what was begun and
    never ended; nobody can use it.
    """

    kind: Kind
    key: str
    label: str
    why: str
    last_used: datetime
    content: str = ""
    size: int = 0  # bytes, as far as its row tells
    path: Path | None = None  # where it is, if that is a local file or folder
    is_left: bool = False


def kept_revisions(revisions: Iterable[RevisionFacts]) -> list[RevisionFacts]:
    """The newest of each service, and all that are needed."""
    by_service: dict[int, list[RevisionFacts]] = defaultdict(list)
    for revision in revisions:
        by_service[revision.service].append(revision)
    kept: list[RevisionFacts] = []
    for listed in by_service.values():
        listed.sort(key=lambda revision: revision.number, reverse=True)
        kept += listed[:KEPT_REVISIONS]
        kept += [revision for revision in listed[KEPT_REVISIONS:] if revision.is_needed]
    return kept


def in_use(kept: Iterable[RevisionFacts]) -> set[tuple[Kind, str]]:
    """What the revisions use: bundles by either hash, as releases of before named them by the revision's."""
    found: set[tuple[Kind, str]] = set()
    for revision in kept:
        found |= {(Kind.BUNDLE, revision.content_hash), (Kind.BUNDLE, revision.revision_hash)}
        found.add((Kind.ENVIRONMENT, revision.environment))
    return found


def to_collect(stored: Iterable[Stored], used: set[tuple[Kind, str]], now: datetime) -> list[Stored]:
    """What nothing uses and nothing has used for a while: by kind, the longest unused first."""

    def may_go(each: Stored) -> bool:
        is_old = each.is_left or now - each.last_used >= GRACE[each.kind]
        return is_old and (each.kind, each.content or each.key) not in used

    order = list(Kind)
    doomed = [each for each in stored if may_go(each)]
    return sorted(doomed, key=lambda each: (order.index(each.kind), each.last_used, each.key))
