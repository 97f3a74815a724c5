"""The walls of this studio: what the machine offers, and what the settings say."""

import zlib
from functools import cache
from pathlib import Path
from typing import cast

from django.conf import settings

from studio.sandbox.extra_folders import sort_out
from studio.sandbox.levels import LEVELS, Level, Walls
from studio.sandbox.probe import probe_once


def current_walls() -> Walls:
    """Probed at the first call in the life of the machine; from then on it costs nothing."""
    return _walls(level_named(settings.SLIPWAY["WALLS"], "SLIPWAY_WALLS"))


@cache
def _walls(most: Level) -> Walls:
    return probe_once(settings.DATA_DIR / "run" / "walls.json", most)


def required_level() -> Level:
    """User code is not started behind less."""
    return level_named(settings.SLIPWAY["REQUIRE_WALLS"], "SLIPWAY_REQUIRE_WALLS")


def missing_walls() -> str:
    """Why user code must not be started on this machine as it is; empty when it may."""
    return current_walls().shortfall(required_level())


def readable_folders() -> tuple[Path, ...]:
    """What user code may read beyond its own folders. What is named wrongly is left out."""
    return sort_out(settings.SLIPWAY["READABLE_FOLDERS"], settings.DATA_DIR)[0]


def problems_of_readable_folders() -> tuple[str, ...]:
    """What is wrong with those that the setting names, a sentence or two for each."""
    return sort_out(settings.SLIPWAY["READABLE_FOLDERS"], settings.DATA_DIR)[1]


def studio_number() -> int:
    """For `Walls.user_for`: other studios of the machine have other users."""
    return zlib.crc32(str(settings.DATA_DIR).encode())


def level_named(name: str, setting: str) -> Level:
    """ValueError for a name that is none."""
    if name not in LEVELS:
        raise ValueError(f"{setting} is {name!r}. It must be one of {', '.join(LEVELS)}.")
    return cast(Level, name)
