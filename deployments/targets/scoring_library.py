"""The folder that services find the scoring package in, and nothing else of the studio.

A copy named by its content, so that running services keep the code they started with when the studio is
updated beneath them.
"""

import compileall
import hashlib
import importlib.util
import os
import py_compile
import shutil
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil
from django.conf import settings

from studio.core.atomic_folders import make_folder_once

LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc")


def folder() -> Path:
    """Where the copies lie."""
    return settings.DATA_DIR / "lib"


@cache
def scoring_library(source: Path, root: Path) -> Path:
    """A folder below `root` that holds exactly a copy of the package in `source`. Its time of change is when somebody
    last began to use it."""
    final = make_folder_once(root / _name_of(source), lambda draft: _copy(source, draft / source.name))
    os.utime(final)
    return final


def debugger_library(root: Path) -> Path:
    """The same with the debugger, whose package has parts for every Python and needs no other."""
    found = importlib.util.find_spec("debugpy")
    if found is None or found.origin is None:
        raise FileNotFoundError("debugpy is not installed beside the studio")
    return scoring_library(Path(found.origin).parent, root)


def names_in_use(root: Path) -> set[str]:
    """Copies below `root` that processes of this machine run from, and the one that the next service gets."""
    found = {_name_of(settings.BASE_DIR / "scoring")}
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it has ended, or is somebody else's
            paths = map(Path, process.environ().get("PYTHONPATH", "").split(os.pathsep))
            found |= {path.name for path in paths if path.parent == root}
    return found


@cache
def _name_of(source: Path) -> str:
    return digest_of(source)[:16]


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
