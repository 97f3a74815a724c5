"""`ServiceSpec`, the only thing a driver sees, and how a revision becomes one.

Imports no tables, so that drivers may name the type; `spec_for` reads the rows it is handed and writes nothing.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings

from deployments.config.deployment_config import config_of, limits_of
from deployments.recipe.build_paths import bundle_path
from registry.environments.paths import CURATED_HASH, python_path

GIGABYTE = 1024**3
MEGABYTE = 1024**2
TOKEN_ISSUER = "slipway"  # noqa: S105 - no password: `iss` of every access token; not the studio's address, which may change


@dataclass(frozen=True)
class ServiceSpec:
    """Everything a target needs to run one revision of a service."""

    service_id: int
    name: str
    workspace: str  # slug
    generation: int  # of the service: rises with everything a person changes
    revision: int  # number
    recipe: str  # the revision's hash
    kind: str  # no_code or entry_script
    bundle: Path
    python: Path  # interpreter of the revision's environment
    port: int | None = None
    grpc_port: int | None = None  # None: no gRPC
    host: str = "127.0.0.1"
    auth: bool = True  # whether callers must show anything
    key_digests: tuple[str, ...] = ()  # SHA-256, hex; primary first; none where tokens are taken
    token_secret: str = field(default="", repr=False)  # signs access tokens; empty where keys are taken, or nothing
    processes: int | None = None  # None: chosen from the cores
    cpus: float | None = None  # cores
    memory_bytes: int | None = None
    max_body_bytes: int = 100 * MEGABYTE
    scoring_timeout_seconds: float = 60.0
    start_deadline_seconds: float = 300.0
    environment_variables: dict[str, str] = field(default_factory=dict)
    server: dict[str, Any] = field(default_factory=dict)  # as scoring.contract.ServerOptions has it
    telemetry_url: str = ""
    telemetry_token: str = field(default="", repr=False)
    telemetry_seconds: float = 5.0


def token_audience(workspace: str, service: str) -> str:
    """`aud` of a service's access tokens."""
    return f"{workspace}/{service}"


def spec_for(service: Any, revision: Any) -> ServiceSpec:
    """The specification of `revision` (a Revision) as `service` (its Service) wants it to run now."""
    config = config_of(revision)
    takes_tokens = config.credential == "token"
    return ServiceSpec(
        service_id=service.pk,
        name=service.name,
        workspace=service.workspace.slug,
        generation=service.generation,
        revision=revision.number,
        recipe=revision.revision_hash,
        kind=revision.config.kind,
        bundle=bundle_path(revision.content_hash),
        python=python_path(_environment_hash(revision.config)),
        port=service.port,
        grpc_port=service.grpc_port if config.grpc else None,
        key_digests=() if takes_tokens else _key_digests(service),
        token_secret=service.token_secret if takes_tokens else "",
        telemetry_url=f"{settings.STUDIO_URL.rstrip('/')}/api/v1/telemetry",
        telemetry_token=service.telemetry_token,
        telemetry_seconds=settings.SLIPWAY["TELEMETRY_SECONDS"],
        **limits_of(config),
    )


def _environment_hash(config: Any) -> str:
    """Models without code run in the studio's own interpreter, which has the runtime."""
    return config.environment.definition_hash if config.environment is not None else CURATED_HASH


def _key_digests(service: Any) -> tuple[str, ...]:
    return tuple(hashlib.sha256(key.value.encode()).hexdigest() for key in service.keys.order_by("slot"))
