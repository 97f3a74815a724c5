"""Is this machine large enough for what a service asks for?"""

import psutil

from deployments.recipe.spec import GIGABYTE, InstanceSpec
from deployments.targets.base import NoRoom


def check_room(spec: InstanceSpec, number: int = 1) -> None:
    """For that replica beside those with lower numbers. Raises `NoRoom`, which names what is missing."""
    total = psutil.virtual_memory().total
    if spec.memory_bytes and number * spec.memory_bytes > total:
        asked, there = spec.memory_bytes / GIGABYTE, total / GIGABYTE
        each = f" for each of {spec.replicas} replicas" if spec.replicas > 1 else ""
        raise NoRoom(f"The service asks for {asked:.1f} GB of memory{each}; this machine has {there:.1f} GB.")
    cores = psutil.cpu_count() or 1
    if spec.cpus and spec.cpus > cores:
        raise NoRoom(f"The service asks for {spec.cpus:g} CPU cores; this machine has {cores}.")
