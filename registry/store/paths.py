"""Pure: which relative file names are safe to keep and to write below a folder."""

import re
import unicodedata

from registry.errors import UnsafePath

MAX_PATH = 500  # characters, as the columns that keep paths
MAX_PART = 255  # bytes, as file systems do
_DRIVE = re.compile(r"[A-Za-z]:\Z")
# Control characters, halves of surrogate pairs, and the marks that turn text around (a name that shows
# as "model.txt" and is not).
_REFUSED_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_REFUSED_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def safe_path(path: str) -> str:
    """The path in normal form ('a/b.onnx'), or `UnsafePath` naming what is wrong with it.

    Refuses absolute paths, '..', backslashes, control characters, empty and overlong names. Whatever comes
    back stays below any folder it is joined to, and can be downloaded again: slipway/places.py takes the same names,
    less on Windows, where a colon is none of a name.
    """
    text = unicodedata.normalize("NFC", path)
    fault = _fault_of(text)
    parts = [part for part in text.split("/") if part not in {"", "."}]
    if not fault and not parts:
        fault = "it names no file"
    if not fault and any(len(part.encode()) > MAX_PART for part in parts):
        fault = f"one of its parts is longer than {MAX_PART} bytes"
    if fault:
        raise UnsafePath(
            f"The file name {_shown(path)} cannot be used: {fault}.",
            hint="Use a relative path such as model.onnx or folder/model.onnx.",
            field="path",
        )
    return "/".join(parts)


def place_of(path: str) -> str:
    """Equal for two paths that are one place on any file system, be it one that ignores case or normal forms."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", path).casefold())


def _fault_of(text: str) -> str:
    if len(text) > MAX_PATH:
        return f"it is longer than {MAX_PATH} characters"
    if any(unicodedata.category(c) in _REFUSED_CATEGORIES or c in _REFUSED_MARKS for c in text):
        return "it contains control characters"
    if "\\" in text:
        return "it contains a backslash"
    return _fault_of_parts(text.split("/"))


def _fault_of_parts(parts: list[str]) -> str:
    if parts[0] == "" and len(parts) > 1:
        return "it is absolute"
    if _DRIVE.match(next((part for part in parts if part not in {"", "."}), "")):
        return "it begins with a drive of Windows"
    return "'..' would leave its folder" if ".." in parts else ""


def _shown(path: str) -> str:
    """The name as people may read it: escaped, and cut when long."""
    cut = path if len(path) <= 80 else path[:77] + "…"
    return repr(cut)
