"""Pure: the specification of an isolated run. Its names and numbers can never be those of a service or its instances.

It is what a revision of these options would be, but for who may call it: one key that only the caller at hand knows,
and neither telemetry nor the front.
"""

from dataclasses import replace
from typing import Any

from deployments.config import deployment_config
from deployments.config.deployment_config import limits_of
from deployments.config.options import DeploymentConfig
from deployments.isolated_runs.prepared import Prepared
from deployments.recipe.recipe import hash_of
from deployments.recipe.spec import InstanceRef, InstanceSpec, variables_of
from studio.core.secrets import digest_of

# No service and no instance ever had a number so high. Where services have users of their own, who are told apart by
# the last five digits, these begin far from the first services.
FIRST_NUMBER = 10**12 + 50_000
REVISION = 1


def ref_of_run(number: int, workspace: str, purpose: str) -> InstanceRef:
    """What drivers call run `number`; `workspace` is a slug."""
    own = FIRST_NUMBER + number
    return InstanceRef(own, own, workspace, purpose, REVISION)


def specification(
    ref: InstanceRef, prepared: Prepared, config: Any, options: DeploymentConfig, key: str, asked_at: float
) -> InstanceSpec:
    """`config` is the InferenceConfig; `key` what callers show; `asked_at` epoch seconds."""
    limits = limits_of(replace(options, auth=True, token_auth=False, grpc=False, debug_port=None, debug_wait=False))
    limits["environment_variables"] = variables_of(config) | limits["environment_variables"]
    return InstanceSpec(
        ref=ref,
        generation=1,
        recipe=hash_of({"content": prepared.bundle, "options": deployment_config.to_json(options), "at": asked_at}),
        kind=config.kind,
        bundle=prepared.bundle,
        environment=prepared.environment,
        replicas=options.replicas,
        asked_at=asked_at,
        image=prepared.image,
        key_digests=(digest_of(key),),
        **limits,
    )
