"""Pure: which devices get a new release when. Waves are a text such as `label:canary, 25%, 100%`."""

import hashlib
import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

WAVE = re.compile(r"(?:label:(?P<label>[A-Za-z0-9._-]{1,63})|(?P<percent>\d{1,3})\s*%)\Z")
EVERYBODY = 100


class BadWaves(ValueError):
    """The text is none; the message says why."""


@dataclass(frozen=True)
class Wave:
    """Devices with a label, or so many per cent of all; never fewer than in the waves before."""

    label: str = ""
    percent: int = 0

    def __str__(self) -> str:
        return f"label:{self.label}" if self.label else f"{self.percent}%"


@dataclass(frozen=True)
class Member:
    """A device as waves see it."""

    number: int
    labels: Collection[str] = ()


def read_waves(text: str) -> list[Wave]:
    """Raises `BadWaves`. What does not end with everybody is completed."""
    waves = [_wave(part.strip()) for part in text.split(",") if part.strip()]
    if not waves or waves[-1].percent != EVERYBODY:
        waves.append(Wave(percent=EVERYBODY))
    return waves


def _wave(text: str) -> Wave:
    found = WAVE.match(text)
    percent = int(found["percent"] or 0) if found else 0
    if found is None or percent > EVERYBODY or (not found["label"] and percent == 0):
        raise BadWaves(f"'{text[:50]}' is no wave: write a share such as 10%, or label:canary.")
    return Wave(found["label"] or "", percent)


def reached(waves: list[Wave], count: int, members: Iterable[Member], seed: str) -> set[int]:
    """The devices of the first `count` waves. `seed`: shares of different services are different devices."""
    listed = list(members)
    found: set[int] = set()
    for wave in waves[:count]:
        if wave.label:
            found |= {member.number for member in listed if wave.label in member.labels}
        else:
            found |= _share(wave.percent, listed, found, seed)
    return found


def _share(percent: int, members: list[Member], taken: set[int], seed: str) -> set[int]:
    """As many as the share says with those that are in it already."""
    wanted = math.ceil(len(members) * percent / EVERYBODY)
    others = sorted((member.number for member in members if member.number not in taken), key=lambda n: _rank(seed, n))
    return set(others[: max(0, wanted - len(taken))])


def _rank(seed: str, number: int) -> str:
    return hashlib.sha256(f"{seed}/{number}".encode()).hexdigest()
