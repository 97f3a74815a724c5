"""How many bytes of disk a removal frees: files with several names are freed by the last of them."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path


class FreedBytes:
    """Asked for one thing after the other, in the order of removal and before anything is removed."""

    def __init__(self) -> None:
        self._seen: Counter[tuple[int, int]] = Counter()  # names of a file (device, inode) that have gone so far

    def by_removing(self, path: Path) -> int:
        """Bytes of a file or folder that go with it, when everything asked for earlier has gone; 0 if it is not there.

        Environments are hard links to the installer's cache for the most part, and so are the second names in a bundle.
        """
        freed = 0
        for found in _files(path):
            file = (found.st_dev, found.st_ino)
            self._seen[file] += 1
            if self._seen[file] == found.st_nlink:
                freed += found.st_size
        return freed


def _files(path: Path) -> Iterator[os.stat_result]:
    """All files at or below `path`; links are not followed, and what goes meanwhile is passed over."""
    try:
        if not path.is_symlink() and path.is_dir():
            for entry in os.scandir(path):
                yield from _files(Path(entry.path))
        else:
            yield path.lstat()
    except FileNotFoundError:
        return
