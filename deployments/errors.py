"""Why a verb on a service is refused. Why a service itself fails stands in causes.py."""

from studio.core.errors import BadInput, Conflict, Temporary


class NameTaken(Conflict):
    code = "service_exists"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is already a service '{name}' in this workspace.",
            hint="Choose another name, or update the service: tick 'Update the service' (--overwrite, overwrite=true).",
            field="name",
        )


class ChangedMeanwhile(Conflict):
    code = "service_changed"
    retryable = True

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Somebody else changed the service '{name}' at the same moment.",
            hint="Look at its current state, then repeat your change if it is still wanted.",
        )


class BeingDeleted(Conflict):
    code = "service_being_deleted"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The service '{name}' is being deleted.", hint="Its name is free again in a few seconds.", field="name"
        )


class RevisionNotBuilt(Conflict):
    code = "revision_not_built"

    def __init__(self, name: str, number: int, models: list[str]) -> None:
        super().__init__(
            f"Revision {number} of '{name}' cannot be rolled back to: what was built for it has been removed.",
            hint=f"Deploy its models anew, which builds them: slipway service update {name} "
            f"{' '.join(f'-m {model}' for model in models)}, or Update on the service's page.",
            field="revision",
        )


class NothingToRollBackTo(Conflict):
    code = "no_earlier_revision"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"No other revision of '{name}' has answered requests before.",
            hint="Name the revision to roll back to (--to), or update the service.",
            field="revision",
        )


class VersionNotReady(Conflict):
    code = "version_not_ready"


class PortTaken(Conflict):
    code = "port_held"
    retryable = True

    def __init__(self, number: int, holder: str, use: str) -> None:
        super().__init__(
            f"Port {number} belongs to the service '{holder}', which answers there over {use}.",
            hint=f"Choose another port, or delete '{holder}': a service keeps its ports while it exists.",
        )


class NoFreePort(Temporary):
    code = "no_free_port"

    def __init__(self) -> None:
        super().__init__(
            "Every port that local services may use is taken.",
            hint="Delete services you no longer need, or widen SLIPWAY_LOCAL_PORT_FIRST and SLIPWAY_LOCAL_PORT_LAST.",
        )


class NotScorable(Conflict):
    code = "service_not_answering"
    retryable = True


class ServiceNotAnswering(Temporary):
    code = "service_silent"
    status = 504


class TakesNoTokens(Conflict):
    code = "service_takes_no_tokens"

    def __init__(self, name: str, *, takes_keys: bool) -> None:
        super().__init__(
            f"The service '{name}' takes {'keys, not tokens' if takes_keys else 'neither keys nor tokens'}.",
            hint="Send one of its keys (slipway service keys), or deploy it with token_auth (--token-auth)."
            if takes_keys
            else "Call it without an Authorization header.",
        )


class TakesNoKeys(Conflict):
    code = "service_takes_no_keys"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The service '{name}' takes tokens, not keys.",
            hint=f"Get one: slipway service get-access-token {name}, or POST to its address /token.",
        )


class BadDeploymentConfig(BadInput):
    code = "bad_deployment_config"
