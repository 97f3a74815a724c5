"""Pure: what a run folder holds, and how a specification becomes the files and variables of a process."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from deployments.recipe.spec import TOKEN_ISSUER, ServiceSpec, token_audience
from deployments.targets.base import Failure
from scoring.contract import KeysFile, RunSettings, ServerOptions, Telemetry, TokenRules
from scoring.opt_outs import OPT_OUTS

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


class Launch(msgspec.Struct, omit_defaults=True):
    """`launch.json`: what was started last, written before the process is. Times are epoch seconds."""

    generation: int
    revision: int
    recipe: str
    port: int
    started_at: float
    restarts: int = 0
    oom_kills: int = 0  # the machine's count of out-of-memory kills at the start
    failure: Failure | None = None  # why the run before this one ended

    def is_of(self, spec: ServiceSpec) -> bool:
        """The same revision at the same address: a running process may stay."""
        return (self.revision, self.recipe, self.port) == (spec.revision, spec.recipe, spec.port)


@dataclass(frozen=True)
class RunFolder:
    """Where the files of one service's process lie."""

    path: Path

    @property
    def run(self) -> Path:
        return self.path / "run.json"

    @property
    def keys(self) -> Path:
        return self.path / "keys.json"

    @property
    def status(self) -> Path:
        return self.path / "status.json"

    @property
    def log(self) -> Path:
        return self.path / "server.log"

    @property
    def launch(self) -> Path:
        return self.path / "launch.json"

    @property
    def lock(self) -> Path:
        """Held by every process of the service as long as it lives: the kernel's own record of its life."""
        return self.path / "lock"

    @property
    def group(self) -> Path:
        """The process group's number."""
        return self.path / "group"

    @property
    def exit(self) -> Path:
        """The exit status, once the process has ended by itself; empty when nobody was left to see it."""
        return self.path / "exit"

    @property
    def stopping(self) -> Path:
        """There once the process was asked to go; its time of change is when."""
        return self.path / "stopping"

    @property
    def home(self) -> Path:
        return self.path / "home"

    @property
    def reports(self) -> Path:
        """Where onnxruntime keeps a device id and a queue of reports, unless it is kept from it."""
        return self.home / ".cache" / "Microsoft" / "DeveloperTools" / ".onnxruntime"

    @property
    def of_one_run(self) -> tuple[Path, ...]:
        """Files that tell about the last run and must not be taken for the next one's."""
        return (self.status, self.group, self.exit, self.stopping)


def run_settings(spec: ServiceSpec) -> RunSettings:
    """`run.json`. Raises ValueError for a specification without a port."""
    if spec.port is None:
        raise ValueError(f"service {spec.service_id} has no port")
    telemetry = Telemetry(
        url=spec.telemetry_url, token=spec.telemetry_token, service=spec.service_id, seconds=spec.telemetry_seconds
    )
    return RunSettings(
        service=spec.name,
        workspace=spec.workspace,
        revision=spec.revision,
        recipe=spec.recipe,
        bundle=str(spec.bundle),
        host=spec.host,
        port=spec.port,
        grpc_port=spec.grpc_port,
        auth=spec.auth,
        processes=spec.processes,
        cpus=spec.cpus,
        memory_bytes=spec.memory_bytes,
        max_body_bytes=spec.max_body_bytes,
        scoring_timeout_seconds=spec.scoring_timeout_seconds,
        start_deadline_seconds=spec.start_deadline_seconds,
        telemetry=telemetry if spec.telemetry_url else None,
        **msgspec.structs.asdict(msgspec.convert(spec.server, ServerOptions)),
    )


def keys_file(spec: ServiceSpec) -> bytes:
    """`keys.json`: digests of the keys, or what the server needs to check tokens."""
    rules = TokenRules(spec.token_secret, token_audience(spec.workspace, spec.name), TOKEN_ISSUER)
    return msgspec.json.encode(KeysFile(list(spec.key_digests), rules if spec.token_secret else None))


def environment(
    spec: ServiceSpec, folder: RunFolder, library: Path, own: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """The whole environment of the process. `library` holds the scoring package and nothing else of ours.

    Libraries are kept from reporting usage unless the deployment's own variables say otherwise.
    """
    passed = {name: own[name] for name in PASSED_ON if name in own}
    return (
        passed
        | OPT_OUTS
        | spec.environment_variables
        | {
            "PATH": f"{spec.python.parent}:{SYSTEM_PATH}",
            "HOME": str(folder.home),
            "PYTHONPATH": str(library),
            "PYTHONSAFEPATH": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
    )


def command(spec: ServiceSpec, folder: RunFolder) -> list[str]:
    return [str(spec.python), "-m", "scoring", str(folder.run)]
