"""Whether a debugger may attach to a service, and what that asks of its options. Pure but for the kinds of targets."""

import dataclasses

from deployments.config.options import DeploymentConfig
from deployments.errors import BadDeploymentConfig
from deployments.models import Target
from deployments.targets.kinds import kind_of

LONGEST_START = 3600  # seconds, as the option has it: nothing is ready while it waits for a debugger


def checked(options: DeploymentConfig, target: Target | None, *, is_development: bool) -> DeploymentConfig:
    """The options as they hold with a debugger; the same without one. Raises `BadDeploymentConfig`.

    A debugger runs any code as the service and stops its requests: nothing for what people rely on. `target`: None for
    this machine.
    """
    if options.debug_port is None:
        if options.debug_wait:
            raise _refusal("No debugger can attach: no port is given for it.", "Give one: --debug-port 5678.")
        return options
    if not is_development:
        raise _refusal(
            "A debugger attaches to development services alone: it stops requests, and runs any code as the service.",
            "Run the folder as one: slipway service deploy --dev -n NAME --source-dir DIR --debug-port 5678.",
        )
    if target is not None and not kind_of(target.kind).can_debug:
        raise _refusal(
            f"No debugger can attach to what runs on {target.name}: its port is open on this machine alone.",
            "Leave the target out to debug on this machine.",
        )
    if (options.processes or 1) > 1 or options.replicas > 1 or options.max_replicas is not None:
        raise _refusal("A debugger attaches to one process.", "Leave --processes and --replicas out.")
    return dataclasses.replace(options, start_deadline_seconds=LONGEST_START) if options.debug_wait else options


def _refusal(message: str, hint: str) -> BadDeploymentConfig:
    return BadDeploymentConfig(message, hint=hint, field="debug_port")
