"""Pure: how a specification becomes the settings that a scoring server on a device reads."""

from typing import Any

import msgspec

from deployments.recipe.spec import InstanceSpec
from deployments.targets.server_files import run_settings

PLACES = ("bundle", "work", "host", "port", "grpc_port", "replica", "telemetry", "handover")  # known on the device


def settings_of(spec: InstanceSpec) -> dict[str, Any]:
    """`RunSettings` without what only the device knows."""
    settings = run_settings(spec, tells_studio=False, bundle="")
    return {name: value for name, value in msgspec.to_builtins(settings).items() if name not in PLACES}
