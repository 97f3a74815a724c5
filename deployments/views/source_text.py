"""Source files for reading and editing."""

from deployments.models import ConfigFile
from registry.store.artifacts import open_artifact

SHOWN_BYTES = 100_000  # of a file on a page


def text_of(file: ConfigFile) -> str:
    """A source file for reading: as much as a page shows; empty when it is no text."""
    raw = _beginning_of(file)
    return "" if b"\0" in raw else raw.decode(errors="replace")


def editable_text_of(file: ConfigFile) -> str:
    """The whole of a source file; empty when it is too long for a page, or not UTF-8: editing would lose something."""
    if file.artifact.size > SHOWN_BYTES:
        return ""
    try:
        text = _beginning_of(file).decode()
    except UnicodeDecodeError:
        return ""
    return "" if "\0" in text else text


def _beginning_of(file: ConfigFile) -> bytes:
    with open_artifact(file.artifact) as opened:
        return opened.read(SHOWN_BYTES)
