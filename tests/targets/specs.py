"""Specifications for driver tests."""

import hashlib
import socket
import sys
from pathlib import Path

from deployments.recipe.spec import ServiceSpec

KEY = "a-key-of-the-service"


def make_spec(folder: Path, **changes) -> ServiceSpec:
    facts = {
        "service_id": 7,
        "name": "iris",
        "workspace": "vision",
        "generation": 1,
        "revision": 1,
        "recipe": "a" * 64,
        "kind": "no_code",
        "bundle": folder / "bundle",
        "python": Path(sys.executable),
        "port": free_port(),
        "key_digests": (hashlib.sha256(KEY.encode()).hexdigest(),),
        "processes": 1,
        "cpus": 1.0,
        "memory_bytes": 512 * 1024 * 1024,
        "start_deadline_seconds": 20.0,
    }
    return ServiceSpec(**facts | changes)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
