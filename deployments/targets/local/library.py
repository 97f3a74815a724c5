"""The folder that services find the scoring package in, and nothing else of the studio.

A copy named by its content, so that running services keep the code they started with when the studio is
updated beneath them.
"""

import compileall
import hashlib
import py_compile
import shutil
from functools import cache
from pathlib import Path

from studio.core.atomic_folders import make_folder_once

LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc")


@cache
def scoring_library(source: Path, root: Path) -> Path:
    """A folder below `root` that holds exactly a copy of the package in `source`."""
    final = root / digest_of(source)[:16]
    return make_folder_once(final, lambda draft: _copy(source, draft / source.name))


def digest_of(source: Path) -> str:
    """Hash over the names and contents of a package's files."""
    total = hashlib.sha256()
    for path in sorted(source.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            total.update(f"{path.relative_to(source)}\0{path.stat().st_size}\0".encode())
            total.update(path.read_bytes())
    return total.hexdigest()


def _copy(source: Path, destination: Path) -> None:
    """With its bytecode: services may write none, and compiling at each start costs a process 9 MB for good.

    The copy never changes, so nothing has to be compared with it. Another Python version than the studio's
    compiles for itself.
    """
    shutil.copytree(source, destination, ignore=LEFT_OUT)
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(destination, quiet=2, invalidation_mode=unchecked, stripdir=destination.parent)
