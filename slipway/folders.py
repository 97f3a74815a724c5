"""Which files are meant by a path on the command line: links are followed, and nothing is left out without a word."""

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from slipway.errors import Misuse

MOST_FILES = 10_000  # as the studio takes; what links lead to could go on for ever
UNWANTED = frozenset({".DS_Store", "Thumbs.db"})  # file managers add them; the pages leave them out, too
NOT_SOURCE = UNWANTED | {"__pycache__", ".git", ".venv", ".ipynb_checkpoints"}  # beside scripts, no part of what runs


@dataclass(frozen=True)
class Selection:
    """Files by the path that each has in the version, and the name of the folder that they come from.

    The name is empty where they come from several places: then folders' names begin the paths.
    """

    files: dict[str, Path]
    folder: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.stat().st_size for file in self.files.values())


def select(paths: Collection[Path]) -> Selection:
    """The files that make a version.

    A folder alone: its files by their path below it, and its name. Several paths: a file by its name, a folder's files
    by their path with the folder's name. Raises `Misuse` for what cannot be sent, and two files of one path.
    """
    if len(paths) == 1:
        (path,) = paths
        if os.path.isdir(path):
            return Selection(files_below(path, UNWANTED), name_of(path))
    found: dict[str, Path] = {}
    for path in paths:
        for name, file in _named(path):
            if name in found:
                raise Misuse(f"Both {found[name]} and {file} would be '{name}' in the version.")
            found[name] = file
    return Selection(found)


def name_of(folder: Path) -> str:
    """The folder's name as it is given; of '.' and '..' that of the folder meant; empty for the root."""
    name = folder.name if folder.name not in {"", ".."} else folder.resolve().name
    _must_be_text(name, folder)
    return name


def files_below(folder: Path, ignored: Collection[str] = ()) -> dict[str, Path]:
    """All files in a folder by their path below it, those that links lead to included; `ignored` names are left out.

    Raises `Misuse` naming what is no file that can be read: broken links, loops of links, sockets and the like.
    """
    found: dict[str, Path] = {}
    for file in _walk(folder, frozenset(ignored), (folder.resolve(),)):
        found[file.relative_to(folder).as_posix()] = file
        if len(found) > MOST_FILES:
            raise Misuse(f"The folder {folder} has more than {MOST_FILES:,} files.", hint="Send an archive instead.")
    if not found:
        raise Misuse(f"The folder {folder} is empty.")
    return found


def _named(path: Path) -> Iterator[tuple[str, Path]]:
    if os.path.isdir(path):
        for name, file in files_below(path, UNWANTED).items():
            yield "/".join(filter(None, [name_of(path), name])), file
    else:
        _must_be_readable(path)
        yield path.name, path


def _walk(folder: Path, ignored: frozenset[str], inside: tuple[Path, ...]) -> Iterator[Path]:
    """Files below a folder. `inside` are the real places of the folders on the way to it, which no link may lead to."""
    try:
        entries = sorted(entry.name for entry in os.scandir(folder))
    except OSError as reason:
        raise Misuse(f"The folder {folder} cannot be read: {reason.strerror or reason}.") from reason
    for path in (folder / name for name in entries if name not in ignored):
        if os.path.isdir(path):  # False, unlike Path.is_dir(), where nobody may look
            _must_be_text(path.name, path)
            yield from _walk(path, ignored, (*inside, _place_of(path, inside)))
        else:
            _must_be_readable(path)
            yield path


def _place_of(path: Path, inside: tuple[Path, ...]) -> Path:
    place = path.resolve()
    if any(folder.is_relative_to(place) for folder in inside):
        raise Misuse(
            f"The link {path} leads back to {place}, which it lies in: its files would have no end.",
            hint="Remove the link, or register what is needed from a folder without it.",
        )
    return place


def _must_be_readable(path: Path) -> None:
    """Raises `Misuse` saying why not."""
    try:
        mode = path.stat().st_mode
    except OSError as reason:
        raise _unreachable(path, reason) from reason
    if not stat.S_ISREG(mode):
        raise Misuse(f"{path} is {_kind_of(mode)}, not a file or folder.", hint="Remove it, or choose another folder.")
    if not os.access(path, os.R_OK):
        raise Misuse(f"{path} cannot be read: Permission denied.")
    _must_be_text(path.name, path)


def _must_be_text(name: str, path: Path) -> None:
    try:
        name.encode()
    except UnicodeEncodeError as reason:
        raise Misuse(f"The name of {str(path)!a} is not UTF-8.", hint="Rename it.") from reason


def _unreachable(path: Path, reason: OSError) -> Misuse:
    if not path.is_symlink():
        return Misuse(f"There is no file or folder {path}.")
    return Misuse(
        f"The link {path} leads to {os.readlink(path)}, which cannot be reached: {reason.strerror or reason}.",
        hint="Remove the link, or put what it should lead to there.",
    )


def _kind_of(mode: int) -> str:
    tests = {stat.S_ISSOCK: "a socket", stat.S_ISFIFO: "a pipe", stat.S_ISCHR: "a device", stat.S_ISBLK: "a device"}
    return next((kind for is_kind, kind in tests.items() if is_kind(mode)), "something special")
