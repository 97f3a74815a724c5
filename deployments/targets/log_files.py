"""Read log files in pieces, and keep them from growing without end."""

import shutil
from pathlib import Path

from studio.core.storable import storable_text

CHUNK = 64 * 1024  # bytes in one answer


def read_from(path: Path, offset: int = 0, limit: int = CHUNK) -> tuple[str, int]:
    """Text from byte `offset` on (negative: that many bytes before the end), and the offset to go on at.

    A file that became shorter was rotated: reading starts over. A character cut in half by the end of the
    piece is left for the next one. No file is no text. The text can be stored as it is.
    """
    try:
        with path.open("rb") as log:
            size = log.seek(0, 2)
            start = max(0, size + offset) if offset < 0 else (offset if offset <= size else 0)
            log.seek(start)
            raw = log.read(limit)
    except FileNotFoundError:
        return "", 0
    whole = raw[: len(raw) - _cut_off(raw)]
    return storable_text(whole.decode(errors="replace")), start + len(whole)


def tail(path: Path, limit: int = 4096) -> str:
    """The last `limit` bytes as text."""
    return read_from(path, -limit, limit)[0]


def rotate(path: Path, limit: int) -> None:
    """Keep at most two files of about `limit` bytes. Writers that append go on in the emptied file."""
    if not path.exists() or path.stat().st_size <= limit:
        return
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    with path.open("r+b") as log:
        log.truncate(0)


def _cut_off(raw: bytes) -> int:
    """How many bytes at the end begin a UTF-8 character that is not all there."""
    for back in range(1, min(4, len(raw)) + 1):
        byte = raw[-back]
        if byte & 0xC0 == 0x80:  # continues a character that began before
            continue
        length = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return back if length > back else 0
    return 0
