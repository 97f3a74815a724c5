"""Small files and folders that are whole or not there, also after a power failure."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any


def replace_file(path: Path, content: bytes) -> None:
    """Write a file for its owner alone, through to the disk."""
    with suppress(OSError):
        if path.read_bytes() == content:
            return
    draft = path.with_name(f".{path.name}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    os.replace(draft, path)
    flush_folder(path.parent)


def read_json(path: Path) -> Any:
    """What a file says; None where it is not there, or is none."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def flush_folder(folder: Path) -> None:
    """Names lie in the folder: they are on the disk when it is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_tree(folder: Path) -> None:
    """Write a folder with all that is in it through to the disk."""
    for inside, _, names in os.walk(folder, topdown=False):
        for path in [*(os.path.join(inside, name) for name in names), inside]:
            if not os.path.islink(path):
                flush_folder(Path(path))
