"""Copies what the scoring server needs into environments of tests: walls hide where the tests themselves have it."""

import shutil
from pathlib import Path

import msgspec

NAMES = ("csimdjson", "httptools", "jwt", "msgspec", "orjson", "psutil", "simdjson", "uvloop")


def copy_server_packages(packages: Path) -> None:
    """Into the folder `site-packages` of an environment."""
    compiled = shutil.ignore_patterns("__pycache__")  # whoever imported first may keep it to itself
    for name in NAMES:
        for found in Path(msgspec.__file__).parents[1].glob(f"{name}*"):
            if found.is_dir():
                shutil.copytree(found, packages / found.name, ignore=compiled)
            else:
                shutil.copy(found, packages)
