"""Specifications for driver tests."""

import hashlib
import socket
from dataclasses import replace

from deployments.recipe.spec import InstanceRef, InstanceSpec
from deployments.targets.base import Route

KEY = "a-key-of-the-service"


def make_spec(*, instance_id: int = 70, service_id: int = 7, revision: int = 1, **changes) -> InstanceSpec:
    facts = {
        "ref": InstanceRef(instance_id, service_id, "vision", "iris", revision),
        "generation": 1,
        "recipe": "a" * 64,
        "kind": "no_code",
        "bundle": "a" * 64,
        "environment": "e" * 64,
        "key_digests": (hashlib.sha256(KEY.encode()).hexdigest(),),
        "processes": 1,
        "cpus": 1.0,
        "memory_bytes": 512 * 1024 * 1024,
        "start_deadline_seconds": 20.0,
    }
    return InstanceSpec(**facts | changes)


def next_of(spec: InstanceSpec, **changes) -> InstanceSpec:
    """An instance of the service's next revision."""
    ref = replace(spec.ref, instance_id=spec.ref.instance_id + 1, revision=spec.ref.revision + 1)
    return replace(spec, **{"ref": ref, "recipe": "b" * 64, "bundle": "b" * 64} | changes)


def make_route(spec: InstanceSpec, port: int) -> Route:
    """To the instance of `spec`."""
    return Route(spec.ref.service_id, "127.0.0.1", port, None, spec.ref)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
