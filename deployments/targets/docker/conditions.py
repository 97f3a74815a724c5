"""Can containers of services run at an engine, and what should people know of it?"""

from deployments.engines import EngineFacts
from deployments.recipe.spec import GIGABYTE, InstanceSpec
from deployments.targets.base import NoRoom
from deployments.targets.docker.target_settings import DockerSettings

HARDENING = (
    "Containers run as user {user} with a read-only root, no capabilities, no new privileges, a /tmp that nothing runs "
    "from, and limits of memory, CPU and processes."
)
NO_WAY_OUT = (
    "Without a way out unless the deployment asks for it (network: full): no network at all. Requests come through a "
    "unix socket in a folder that the container shares with the studio."
)
PORTS = (
    "Without a way out unless the deployment asks for it (network: full): packets of containers are not translated, so "
    "nothing answers them; what listens on all addresses of the engine's own machine can still be reached. Requests "
    "come to ports that are published at {address}."
)


def problems_of(facts: EngineFacts, settings: DockerSettings) -> list[str]:
    """Each with its next step; empty where services can run."""
    found = []
    if facts.system != "linux":
        found.append(
            f"The engine runs {facts.system or 'another system'} containers. Use one that runs Linux containers."
        )
    limits = (facts.limits_memory, "memory"), (facts.limits_cpu, "CPU"), (facts.limits_pids, "processes")
    for holds, what in limits:
        if not holds:
            found.append(f"The engine's kernel cannot limit {what}. Turn on the cgroup controller for it.")
    if settings.gpus and not facts.has_gpus:
        found.append(
            "The target asks for GPUs, and the engine has no NVIDIA runtime. Install the NVIDIA Container Toolkit "
            "there, or leave the setting GPUs empty."
        )
    if settings.mounts and facts.maps_users:
        found.append(
            "The engine maps users of containers to others (rootless, or userns-remap), so that folders cannot be "
            "shared with them. Set 'Copy files' for this target."
        )
    return found


def sentences_of(facts: EngineFacts, settings: DockerSettings, user: int) -> list[str]:
    """What people should know."""
    size = f"{facts.cpus} cores, {facts.memory_bytes / GIGABYTE:.1f} GB of memory"
    seccomp = "" if facts.seccomp else " The engine filters no system calls (seccomp is off)."
    return [
        f"Docker {facts.version} (API {facts.api_version}) on {facts.machine}: {facts.architecture}, {size}, "
        f"cgroup v{facts.cgroup_version}.",
        HARDENING.format(user=user) + seccomp,
        NO_WAY_OUT if settings.mounts else PORTS.format(address=settings.address),
    ]


def check_room(spec: InstanceSpec, number: int, facts: EngineFacts) -> None:
    """For that replica beside those with lower numbers. Raises `NoRoom`, which names what is missing."""
    if spec.memory_bytes and number * spec.memory_bytes > facts.memory_bytes:
        asked, there = spec.memory_bytes / GIGABYTE, facts.memory_bytes / GIGABYTE
        each = f" for each of {spec.replicas} replicas" if spec.replicas > 1 else ""
        raise NoRoom(f"The service asks for {asked:.1f} GB of memory{each}; {facts.machine} has {there:.1f} GB.")
    if spec.cpus and spec.cpus > facts.cpus:
        raise NoRoom(f"The service asks for {spec.cpus:g} CPU cores; {facts.machine} has {facts.cpus}.")
