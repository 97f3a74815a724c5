"""Where the files of a version go on this machine. Pure."""

import re
import sys
from pathlib import Path, PurePosixPath

from slipway.errors import SlipwayError

WINDOWS = sys.platform == "win32"
_RESERVED = re.compile(r"(CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³])(\..*)?\Z", re.IGNORECASE)
_REFUSED = re.compile(r'[<>:"|?*\x00-\x1f]')


def inside(target: Path, path: str) -> Path:
    """Where a file goes; never outside of `target`, whatever the server says. Raises `SlipwayError`."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or "\x00" in path:
        raise SlipwayError(f"The studio names a file {path!r}, which would leave the folder.")
    return target.joinpath(*parts)


def fault_of(path: str, *, windows: bool | None = None) -> str:
    """Why this machine cannot keep a file of that path; empty where it can."""
    if not (WINDOWS if windows is None else windows):
        return ""
    for part in PurePosixPath(path).parts:
        if refused := _REFUSED.search(part):
            return f"Windows takes no {refused.group()} in names"
        if _RESERVED.match(part) or part.endswith((".", " ")):
            return f"Windows takes no file called '{part}'"
    return ""
