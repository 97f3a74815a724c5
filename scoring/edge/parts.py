"""Parts of releases on this device: fetched once by SHA-256, going on where a download broke off, unpacked safely."""

import compileall
import http.client
import os
import py_compile
import shutil
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import IO, Any

from scoring.edge.files import flush_tree
from scoring.edge.manifest import digest_of
from scoring.edge.problems import EdgeProblem
from scoring.edge.studio import Studio

PIECE = 256 * 1024
SPARE_BYTES = 64 * 1024 * 1024  # of disk that stays free

Part = dict[str, Any]  # {"sha256", "size", "unpacked"}: bytes of the file, and of what is in it
Progress = Callable[[int], None]


class PartStore:
    """A folder of unpacked parts. What has its name is whole: it was verified, unpacked and written through before."""

    def __init__(self, folder: Path) -> None:
        self._parts, self._downloads = folder / "parts", folder / "downloads"
        for needed in (self._parts, self._downloads):
            needed.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, part: Part) -> Path:
        """Where a part lies when it is here."""
        return self._parts / _name(part)

    def has(self, parts: Iterable[Part]) -> bool:
        return all(self.path(part).is_dir() for part in parts)

    def fetch(self, studio: Studio, part: Part, progress: Progress = lambda count: None) -> None:
        """Have a part here. Raises `EdgeProblem`; what arrived until then is used the next time."""
        if self.has([part]):
            return
        self._check_room(part)
        file = self._downloads / _name(part)
        try:
            _download(studio, part, file, progress)
            if digest_of(file) != part["sha256"]:
                raise _damaged("a download has another SHA-256 than the signed document says")
            self._unpack(file, part)
        except EdgeProblem as problem:
            if problem.code == "damaged_download":
                file.unlink(missing_ok=True)
            raise
        except OSError as error:
            raise EdgeProblem("disk", f"A part cannot be written: {error}", "Free disk space on the device.") from error
        file.unlink(missing_ok=True)

    def keep(self, parts: Iterable[Part]) -> None:
        """Remove all others, and what is left of their downloads."""
        kept = {_name(part) for part in parts}
        for path in (*self._parts.iterdir(), *self._downloads.iterdir()):
            if path.name not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _check_room(self, part: Part) -> None:
        needed = part["size"] + part["unpacked"] + SPARE_BYTES
        free = shutil.disk_usage(self._parts).free
        if free < needed:
            raise EdgeProblem(
                "disk_full",
                f"The device has {free >> 20} MB of disk left, and the update needs {needed >> 20} MB.",
                "Free disk space on the device; the agent tries again.",
            )

    def _unpack(self, file: Path, part: Part) -> None:
        draft = self._parts / f".{_name(part)}.draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        unpack(file, draft, part["unpacked"])
        _compile(draft, self.path(part))
        flush_tree(draft)
        os.replace(draft, self.path(part))


def unpack(file: Path, folder: Path, most_bytes: int) -> None:
    """Unpack regular files alone, each to a place inside `folder`, and no more bytes than were announced.

    Raises `EdgeProblem` (damaged_download): a part that the studio has made holds nothing else.
    """
    total = 0
    try:
        with tarfile.open(file, "r:gz") as tar:
            for member in tar:
                total += member.size
                path = PurePosixPath(member.name)
                if not member.isreg() or path.is_absolute() or ".." in path.parts or total > most_bytes:
                    raise _damaged(f"{member.name[:200]} may not be in a part")
                place = folder.joinpath(path)
                place.parent.mkdir(parents=True, exist_ok=True)
                source = tar.extractfile(member)
                if source is not None:
                    with source, place.open("xb") as target:
                        shutil.copyfileobj(source, target, PIECE)
                    place.chmod(0o755 if member.mode & 0o100 else 0o644)
    except (tarfile.TarError, EOFError, FileExistsError) as error:
        raise _damaged(str(error)) from error


def _compile(draft: Path, final: Path) -> None:
    """Once for all starts, which then write nothing. The files never change, so nothing is compared with them."""
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(draft, quiet=2, invalidation_mode=unchecked, stripdir=draft, prependdir=final)


def _download(studio: Studio, part: Part, file: Path, progress: Progress) -> None:
    """Bring the file to its size. A cut leaves what has arrived."""
    have = file.stat().st_size if file.exists() else 0
    if have > part["size"]:
        file.unlink()
        have = 0
    if have == part["size"]:
        return
    with studio.part(part["sha256"], have) as (response, start), file.open("r+b" if have else "wb") as target:
        target.truncate(start)
        target.seek(start)
        have = start
        while piece := _piece(response, min(PIECE, part["size"] - have + 1)):
            have += len(piece)
            if have > part["size"]:
                raise _damaged("a download is longer than the signed document says")
            target.write(piece)
            progress(have)
    if have < part["size"]:
        raise EdgeProblem(
            "cut_off",
            f"A download broke off after {have} of {part['size']} bytes.",
            "The agent goes on where it broke off.",
        )


def _piece(response: IO[bytes], most: int) -> bytes:
    """What has arrived; nothing when the connection has broken off."""
    try:
        return response.read(most)
    except (OSError, http.client.HTTPException):
        return b""


def _name(part: Part) -> str:
    digest = str(part["sha256"])
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise _damaged("the document names a part by something that is no SHA-256")
    return digest


def _damaged(what: str) -> EdgeProblem:
    return EdgeProblem(
        "damaged_download", f"An update cannot be used: {what}.", "The agent fetches it again; look at the network."
    )
