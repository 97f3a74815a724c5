"""Small files of text to a folder."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from slipway.errors import AlreadyThere, Misuse


def save_texts(folder: Path, files: Mapping[str, str], *, overwrite: bool = False) -> list[Path]:
    """Write texts as UTF-8 by file name; their paths. Raises `AlreadyThere` before anything is written."""
    places = [folder / name for name in files]
    refuse_existing(places, overwrite=overwrite)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for place, text in zip(places, files.values(), strict=True):
            place.write_text(text, encoding="utf-8", newline="\n")
    except OSError as reason:
        raise Misuse(f"{reason.filename or folder} cannot be written: {reason.strerror or reason}") from reason
    return places


def refuse_existing(places: Collection[Path], *, overwrite: bool) -> None:
    """Raises `AlreadyThere` for the first place where something is, unless that may be replaced."""
    taken = [place for place in places if os.path.lexists(place)]
    if taken and not overwrite:
        raise AlreadyThere(f"{taken[0]} exists already.", hint="Add --overwrite, or choose another folder.")
