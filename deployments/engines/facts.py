"""What an engine says of itself."""

from dataclasses import dataclass
from typing import Any

from deployments.engines.client import EngineClient


@dataclass(frozen=True)
class EngineFacts:
    """`maps_users`: users in containers are others on the machine (user namespaces, rootless), so that a folder of this
    machine cannot be given to one. `runtimes`: by name."""

    version: str
    api_version: str
    system: str
    architecture: str
    machine: str
    cpus: int
    memory_bytes: int
    cgroup_version: str = "1"
    maps_users: bool = False
    seccomp: bool = False
    limits_memory: bool = True
    limits_cpu: bool = True
    limits_pids: bool = True
    runtimes: frozenset[str] = frozenset()
    storage: str = ""

    @property
    def has_gpus(self) -> bool:
        return "nvidia" in self.runtimes


def facts_of(client: EngineClient) -> EngineFacts:
    """Raises `EngineProblem`."""
    told: dict[str, Any] = client.info()
    options = [str(one) for one in told.get("SecurityOptions") or ()]
    return EngineFacts(
        version=str(told.get("ServerVersion", "")),
        api_version=str(client.api_version),
        system=str(told.get("OSType", "")),
        architecture=str(told.get("Architecture", "")),
        machine=str(told.get("Name", "")),
        cpus=int(told.get("NCPU", 0)),
        memory_bytes=int(told.get("MemTotal", 0)),
        cgroup_version=str(told.get("CgroupVersion", "1")),
        maps_users=any("name=userns" in one or "name=rootless" in one for one in options),
        seccomp=any("name=seccomp" in one for one in options),
        limits_memory=bool(told.get("MemoryLimit", True)),
        limits_cpu=bool(told.get("CpuCfsQuota", True)),
        limits_pids=bool(told.get("PidsLimit", True)),
        runtimes=frozenset(told.get("Runtimes") or ()),
        storage=str(told.get("Driver", "")),
    )
