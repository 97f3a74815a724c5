"""`InstanceSpec`, the only thing a driver sees of what is to run, and how an instance becomes one.

It says what to run and never where: no path, port or host. Imports no tables, so that drivers may name the types;
`spec_for` reads the rows it is handed and writes nothing.
"""

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from deployments.config.deployment_config import config_of, limits_of
from registry.environments.paths import CURATED_HASH
from studio.core.secrets import digest_of

GIGABYTE = 1024**3
MEGABYTE = 1024**2
TOKEN_ISSUER = "slipway"  # noqa: S105 - no password: `iss` of every access token; not the studio's address, which may change


@dataclass(frozen=True)
class InstanceRef:
    """Names an instance to a driver, which may use any of it in names of its own."""

    instance_id: int
    service_id: int
    workspace: str  # slug
    service: str  # name
    revision: int  # number


@dataclass(frozen=True)
class InstanceSpec:
    """Everything a target needs to run one instance, in as many replicas as are wanted of it."""

    ref: InstanceRef
    generation: int  # of the instance: rises with everything that changes for it
    recipe: str  # the revision's hash
    kind: str  # no_code or entry_script
    bundle: str  # digest
    environment: str  # digest
    replicas: int = 1  # 0: it sleeps
    asked_at: float = 0.0  # epoch seconds; restarts of what should run since then are counted
    image: str = ""  # reference; empty where the target runs bundles as they are
    grpc: bool = False
    auth: bool = True  # whether callers must show anything
    key_digests: tuple[str, ...] = ()  # SHA-256, hex; primary first; none where tokens are taken
    token_secret: str = field(default="", repr=False)  # signs access tokens; empty where keys are taken, or nothing
    front_digest: str = ""  # SHA-256, hex, of what the front shows that has checked the caller
    processes: int | None = None  # None: chosen from the cores
    cpus: float | None = None  # cores, of each replica, as all that follows
    memory_bytes: int | None = None
    max_body_bytes: int = 100 * MEGABYTE
    scoring_timeout_seconds: float = 60.0
    start_deadline_seconds: float = 300.0
    network: str = "target"  # full; none: it answers and connects to nobody; target: as its kind has it
    debug_port: int | None = None  # of loopback, where a debugger attaches
    debug_wait: bool = False  # for a debugger, before the script is loaded
    environment_variables: dict[str, str] = field(default_factory=dict)
    server: dict[str, Any] = field(default_factory=dict)  # as scoring.contract.ServerOptions has it
    telemetry_url: str = ""
    telemetry_token: str = field(default="", repr=False)
    telemetry_seconds: float = 5.0


def token_audience(workspace: str, service: str) -> str:
    """`aud` of a service's access tokens."""
    return f"{workspace}/{service}"


def ref_of(instance: Any) -> InstanceRef:
    """What drivers call this Instance."""
    service = instance.service
    return InstanceRef(instance.pk, service.pk, service.workspace.slug, service.name, instance.revision.number)


def spec_for(instance: Any) -> InstanceSpec:
    """The specification of an Instance as it is to run now."""
    service, revision = instance.service, instance.revision
    config = config_of(revision)
    takes_tokens = config.credential == "token"
    limits = limits_of(config)
    limits["environment_variables"] = variables_of(revision.config) | limits["environment_variables"]
    return InstanceSpec(
        ref=ref_of(instance),
        generation=instance.generation,
        recipe=revision.revision_hash,
        kind=revision.config.kind,
        bundle=revision.content_hash,
        environment=_environment_hash(revision.config),
        replicas=instance.replicas,
        asked_at=instance.changed_at.timestamp(),
        grpc=config.grpc,
        key_digests=() if takes_tokens else _key_digests(service),
        token_secret=service.token_secret if takes_tokens else "",
        front_digest=digest_of(service.front_key) if service.front_key else "",
        telemetry_url=f"{settings.STUDIO_URL.rstrip('/')}/api/v1/telemetry",
        telemetry_token=service.telemetry_token,
        telemetry_seconds=settings.SLIPWAY["TELEMETRY_SECONDS"],
        **limits,
    )


def variables_of(config: Any) -> dict[str, str]:
    """The environment variables of an InferenceConfig: its environment's, and its own, which win."""
    own: dict[str, str] = config.environment_variables
    return own if config.environment is None else config.environment.variables | own


def _environment_hash(config: Any) -> str:
    """Models without code run in the studio's own interpreter, which has the runtime."""
    return config.environment.definition_hash if config.environment is not None else CURATED_HASH


def _key_digests(service: Any) -> tuple[str, ...]:
    return tuple(key.digest for key in service.keys.order_by("slot"))
