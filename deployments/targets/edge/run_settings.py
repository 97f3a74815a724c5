"""Pure: how a specification becomes the settings that a scoring server on a device reads."""

from typing import Any

import msgspec

from deployments.recipe.spec import InstanceSpec
from scoring.contract import RunSettings, ServerOptions

PLACES = ("bundle", "work", "host", "port", "grpc_port", "replica", "telemetry", "handover")  # known on the device


def settings_of(spec: InstanceSpec) -> dict[str, Any]:
    """`RunSettings` without what only the device knows."""
    settings = RunSettings(
        service=spec.ref.service,
        workspace=spec.ref.workspace,
        revision=spec.ref.revision,
        recipe=spec.recipe,
        bundle="",
        auth=spec.auth,
        processes=spec.processes,
        cpus=spec.cpus,
        memory_bytes=spec.memory_bytes,
        max_body_bytes=spec.max_body_bytes,
        scoring_timeout_seconds=spec.scoring_timeout_seconds,
        start_deadline_seconds=spec.start_deadline_seconds,
        **msgspec.structs.asdict(msgspec.convert(spec.server, ServerOptions)),
    )
    return {name: value for name, value in msgspec.to_builtins(settings).items() if name not in PLACES}
