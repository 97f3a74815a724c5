"""What an archive is made of, on this machine: the files of the bundle, the scoring package and the packages."""

import importlib.metadata
import os
import platform
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deployments.builds.tar_files import Entry
from deployments.errors import NotExportable
from deployments.recipe.build_paths import bundle_path
from registry.environments.environments import runtime_requirements
from registry.environments.paths import CURATED_HASH, environment_path

# What the scoring server uses for models without code where it is there. Arrow is left out: it would make archives
# three times as large.
FOR_MODELS_WITHOUT_CODE = ("onnxruntime", "grpcio", "protobuf", "pysimdjson", "pillow")
LEFT_OUT = re.compile(r"(^|/)(__pycache__/|_virtualenv\.(py|pth)$|[^/]+\.dist-info/direct_url\.json$)|\.pyc$")


def bundle_entries(content_hash: str) -> list[Entry]:
    """Raises `NotExportable` when the bundle is not there."""
    folder = bundle_path(content_hash)
    if not folder.is_dir():
        raise NotExportable("The bundle of the revision is not on this studio's disk.")
    return list(_files_of(folder))


def library_entries() -> list[Entry]:
    """The scoring package, in a folder of its own name."""
    return [entry.below("scoring") for entry in _files_of(settings.BASE_DIR / "scoring")]


def package_entries(environment: str) -> list[Entry]:
    """What is in site-packages: of the environment all, of the studio's own Python what the scoring server needs.

    Raises `NotExportable` when the environment is not there.
    """
    if environment == CURATED_HASH:
        return list(_distribution_files())
    return list(_files_of(_site_packages(environment)))


def python_of(environment: str) -> dict[str, str]:
    """Which Python the packages are for, as scoring/edge/machine.py compares it."""
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if environment != CURATED_HASH:
        minor = _site_packages(environment).parent.name.removeprefix("python")
    return {
        "minor": minor,
        "system": platform.system().lower(),
        "machine": platform.machine().lower(),
        "libc": platform.libc_ver()[0] or "other",
    }


def _site_packages(environment: str) -> Path:
    found = sorted(environment_path(environment).glob("lib/python*/site-packages"))
    if not found:
        raise NotExportable("The environment of the revision is not on this studio's disk.")
    return found[0].resolve()


def _files_of(folder: Path) -> Iterator[Entry]:
    """All files below a folder. What a link leads to takes its place, if it lies in the folder as well."""
    root = folder.resolve()
    for inside, _, names in os.walk(root):
        for name in names:
            path = Path(inside, name)
            inner = path.relative_to(root).as_posix()
            if LEFT_OUT.search(inner):
                continue
            source = path.resolve()
            if not source.is_relative_to(root):
                raise NotExportable(f"{inner} is a link that leads out of its folder.")
            yield Entry(inner, source, executable=bool(source.stat().st_mode & 0o100))


def _distribution_files() -> Iterator[Entry]:
    for name in sorted(_needed_distributions()):
        found = importlib.metadata.distribution(name)
        for file in found.files or ():
            path = Path(str(found.locate_file(file)))
            if not str(file).startswith("..") and not LEFT_OUT.search(str(file)) and path.is_file():
                yield Entry(file.as_posix(), path, executable=bool(path.stat().st_mode & 0o100))


def _needed_distributions() -> set[str]:
    """The scoring server's requirements with all that those require on this machine."""
    waiting = [Requirement(line).name for line in (*runtime_requirements(), *FOR_MODELS_WITHOUT_CODE)]
    found: set[str] = set()
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found:
            continue
        found.add(name)
        for line in importlib.metadata.distribution(name).requires or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                waiting.append(needed.name)
    return found
