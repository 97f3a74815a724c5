"""The beginning of a stored file as text, for reading on a page."""

import codecs

from registry.store import artifacts, downloads
from registry.store.materialise import StoredFile

SHOWN_BYTES = 100_000  # of a file on a page


def text_of(file: StoredFile) -> str:
    """At most `SHOWN_BYTES` of the file; empty for one that is not UTF-8 text.

    Raises `FileLost` and `FileDamaged` for bytes that are no longer those that were uploaded.
    """
    downloads.must_be_whole(file)
    with artifacts.open_artifact(file.artifact) as opened:
        raw = opened.read(SHOWN_BYTES)
    try:
        # A character may be cut where the preview ends.
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(raw, final=file.artifact.size <= SHOWN_BYTES)
    except UnicodeDecodeError:
        return ""
    return "" if "\0" in text else text
