"""The lock of the studio's own runtime for images: of its own lock file, what the scoring server and ONNX models need.

So a model without code runs in an image on exactly the versions that it runs on locally, and nothing is resolved.
"""

import re
from collections import defaultdict
from functools import cache
from importlib.metadata import PackageNotFoundError, requires

from django.conf import settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from registry.environments.environments import runtime_requirements

LOCK_FILE = settings.BASE_DIR / "requirements.txt"
BESIDE = ("grpcio", "numpy", "onnxruntime", "pillow", "protobuf", "pysimdjson")  # what the scoring server uses if there
_BLOCK = re.compile(r"\n(?=[A-Za-z0-9])")


@cache
def curated_lock() -> str:
    """Requirements with hashes. Raises `LookupError` when the lock file lacks what is needed."""
    blocks: dict[str, list[str]] = defaultdict(list)  # several where the version depends on the Python
    for block in _BLOCK.split(f"\n{LOCK_FILE.read_text()}"):
        if "==" in block:
            blocks[_name(block)].append(block.strip())
    wanted = _closure([*(Requirement(line).name for line in runtime_requirements()), *BESIDE])
    if missing := sorted(wanted - blocks.keys()):
        raise LookupError(f"{LOCK_FILE.name} has no {', '.join(missing)}")
    return "\n".join([*(block for name in sorted(wanted) for block in blocks[name]), ""])


def _name(block: str) -> str:
    return canonicalize_name(block.partition("==")[0].strip())


def _closure(names: list[str]) -> set[str]:
    """The packages and all that they require, as installed beside the studio."""
    found: set[str] = set()
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [canonicalize_name(each) for each in _required(name)]
    return found


def _required(name: str) -> list[str]:
    try:
        listed = [Requirement(line) for line in requires(name) or ()]
    except PackageNotFoundError:
        return []
    return [each.name for each in listed if each.marker is None or each.marker.evaluate({"extra": ""})]
