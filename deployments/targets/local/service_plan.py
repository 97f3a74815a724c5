"""Pure: how a specification becomes what runs behind walls, with which variables, and what it may see."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deployments.recipe.spec import InstanceSpec
from deployments.targets.local.limits import service_limits
from deployments.targets.local.run_folder import Address, RunFolder, ServiceFolder
from scoring.opt_outs import OPT_OUTS
from studio.sandbox.levels import Level
from studio.sandbox.plan import Plan, interpreter_folders

# What a service may see of the studio's own environment. Everything else (secrets, addresses of databases,
# tokens) stays outside; a deployment config can add variables.
PASSED_ON = (
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CUDA_VISIBLE_DEVICES",
)
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
USER_NAME = "slipway"  # of users that the machine has no name for


@dataclass(frozen=True)
class Parts:
    """What lies on this machine for a specification: the interpreter that runs it, the folder that holds the scoring
    package and nothing else of ours, and the bundle."""

    python: Path
    library: Path
    bundle: Path
    debugger: Path | None = None  # the folder that holds the debugger, where one may attach

    @property
    def libraries(self) -> tuple[Path, ...]:
        """What its interpreter finds beside its own packages."""
        return (self.library, *((self.debugger,) if self.debugger else ()))


@dataclass(frozen=True)
class Places:
    """Where it runs: the folders of its service and its own, and `data`, which all that is the studio's lies in.
    `readable` are folders of the machine that it may read beyond those."""

    service: ServiceFolder
    folder: RunFolder
    data: Path
    readable: tuple[Path, ...] = ()


def service_plan(
    spec: InstanceSpec, parts: Parts, places: Places, address: Address, *, level: Level, user: int | None
) -> Plan:
    """The server of an instance: it reads its parts and `control`, and writes to `work` and what its service shares. Of
    the rest of the data folder it sees nothing."""
    folder = places.folder
    ports = [address.port, address.grpc_port if spec.grpc else None, spec.debug_port]
    return Plan(
        program=(str(parts.python), "-m", "scoring", str(folder.run), "--console"),
        environment=environment(spec, folder, parts, temporary=temporary_folder(folder, level), has_name=user is None),
        folder=folder.work,
        readable=(*interpreter_folders(parts.python), *parts.libraries, parts.bundle, folder.control, *places.readable),
        writable=(folder.work, places.service.shared),
        hidden=(places.data,),
        temporary=folder.temporary,
        user=user,
        connects=spec.network != "none",
        ports=tuple(port for port in ports if port is not None),
        limits=service_limits(has_own_user=user is not None),
    )


def temporary_folder(folder: RunFolder, level: Level) -> str | None:
    """What TMPDIR says: behind bubblewrap /tmp is the instance's own, and Landlock grants only the instance's own
    folders. None: as it is for the studio."""
    return {"bubblewrap": "/tmp", "landlock": str(folder.temporary)}.get(level)  # noqa: S108


def environment(
    spec: InstanceSpec,
    folder: RunFolder,
    parts: Parts,
    *,
    temporary: str | None = None,
    has_name: bool = True,
    own: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """The whole environment of the process.

    Libraries are kept from reporting usage unless the deployment's own variables say otherwise. `has_name`: the machine
    has a name for the process' user.
    """
    passed = {name: own[name] for name in PASSED_ON if name in own}
    return (
        passed
        | OPT_OUTS
        | ({} if has_name else {"USER": USER_NAME, "LOGNAME": USER_NAME})
        | ({"TMPDIR": temporary} if temporary else {})
        | spec.environment_variables
        | {
            "PATH": f"{parts.python.parent}:{SYSTEM_PATH}",
            "HOME": str(folder.home),
            "PYTHONPATH": os.pathsep.join(map(str, parts.libraries)),
            "PYTHONSAFEPATH": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
    )
