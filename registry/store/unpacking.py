"""Archives among uploads: unpacked for a registration, and cleared away after it."""

from collections.abc import Iterator
from contextlib import contextmanager

from registry.models import Upload
from registry.store import uploads

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")  # the last two cannot be read, which is then said


@contextmanager
def unpacked(files: list[Upload]) -> Iterator[list[Upload]]:
    """The uploads with every archive replaced by what is in it.

    A single upload is taken for an archive whatever its name; among several, the name decides. When the block
    goes well the archives are gone; when it raises they stay, and what was unpacked is gone.
    """
    packed = [file for file in files if len(files) == 1 or file.path.lower().endswith(ENDINGS)]
    made: list[Upload] = []
    try:
        for archive in packed:
            made += uploads.unpack(archive)
        yield [file for file in files if file not in packed] + made
    except BaseException:
        for one in made:
            uploads.abandon(one)
        raise
    for archive in packed:
        uploads.abandon(archive)
