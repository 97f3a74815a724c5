"""Why a verb on a service is refused. Why a service itself fails stands in causes.py."""

from typing import Any

from studio.core.errors import BadInput, Conflict, NotFound, SlipwayError, Temporary


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


class NotDevelopment(Conflict):
    code = "not_development"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"'{name}' is no development service: what it runs is registered, and changes by an update.",
            hint=f"Update it (slipway service update {name}), or deploy the folder under another name: "
            "slipway service deploy --dev -n NAME --source-dir DIR.",
        )


class IsDevelopment(Conflict):
    code = "development_service"

    def __init__(self, name: str, refused: str) -> None:
        super().__init__(
            f"{refused}: '{name}' is a development service.",
            hint="It runs one revision, from the files of a folder. For more, register these files as an inference "
            "config (slipway config create) and deploy that under another name.",
        )


class TrafficChangedSince(Conflict):
    code = "traffic_changed"

    def __init__(self, name: str, now: str) -> None:
        super().__init__(
            f"The service '{name}' was changed after you had looked at it, and nothing was overwritten. Its traffic is "
            f"now {now}.",
            hint="Look at what has changed, then repeat your change if it is still wanted.",
            field="generation",
        )


class BeingDeleted(Conflict):
    code = "service_being_deleted"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The service '{name}' is being deleted.", hint="Its name is free again in a few seconds.", field="name"
        )


class OperationUnderWay(Conflict):
    code = "operation_under_way"
    retryable = True

    def __init__(self, message: str, way_out: str) -> None:
        super().__init__(message, hint=way_out)


class ServiceIsStopped(Conflict):
    code = "service_stopped"

    def __init__(self, refused: str, name: str) -> None:
        super().__init__(f"{refused}: it is stopped.", hint=f"Start it first: slipway service start {name}.")


class NothingAnswers(Conflict):
    code = "nothing_answers"

    def __init__(self, refused: str, name: str) -> None:
        super().__init__(
            f"{refused}: no revision of it has been built.",
            hint=f"Update it: slipway service update {name}.",
        )


class BadRollout(BadInput):
    code = "bad_rollout"


class NoRollout(NotFound):
    code = "no_rollout"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"No rollout of '{name}' is under way.",
            hint=f"Start one: slipway service rollout start {name} REVISION.",
        )


class BadTraffic(BadInput):
    code = "bad_traffic"


class BadOutcomes(BadInput):
    code = "bad_outcomes"


class NotSplit(Conflict):
    """Nothing can be compared: one revision gets everything, or users do not stick to theirs."""

    code = "not_split"


class IsDefault(Conflict):
    code = "default_revision"

    def __init__(self, name: str, number: int) -> None:
        super().__init__(
            f"Revision {number} is the default of '{name}', which gets what no other revision does.",
            hint=f"Make another one the default first: slipway service traffic {name} --default NUMBER.",
            field="default",
        )


class RevisionHasFailed(Conflict):
    code = "revision_failed"

    def __init__(self, name: str, number: int, message: str) -> None:
        super().__init__(
            f"Revision {number} of '{name}' has failed and cannot get requests: {message}".rstrip(": "),
            hint="Its log tells more. Give it 0 % to have it tried once more, and a share once it is healthy.",
            field="traffic",
        )


class LabelTaken(Conflict):
    code = "label_taken"

    def __init__(self, name: str, label: str, number: int) -> None:
        super().__init__(
            f"Revision {number} of '{name}' has the label '{label}' already.",
            hint="Choose another label: requests ask for a revision by it.",
            field="label",
        )


class HostTaken(Conflict):
    code = "host_taken"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"The host name {host} belongs to another service of this studio.",
            hint="Choose another one, or take it from that service first.",
            field="hosts",
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


class KeyExists(Conflict):
    code = "key_exists"

    def __init__(self) -> None:
        super().__init__(
            "The service has this key already.",
            hint="Choose another value: two keys that are alike could not be replaced one at a time.",
            field="value",
        )


class ClientKeyNameTaken(Conflict):
    code = "client_key_exists"

    def __init__(self, service: str, name: str) -> None:
        super().__init__(
            f"'{service}' has a client key '{name}' already.",
            hint="Choose another name, or regenerate that key.",
            field="name",
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


class NotExportable(Conflict):
    """A revision cannot be packed for devices as it is."""

    code = "not_exportable"

    def __init__(self, message: str) -> None:
        super().__init__(
            message, hint="Deploy the revision once more, which builds what is missing; then export it again."
        )


class UnknownDeviceKey(SlipwayError):
    """Of requests that only devices make."""

    code, status, turn = "unknown_device_key", 401, "user"

    def __init__(self) -> None:
        super().__init__(
            "This is not the key of a device.",
            hint="It was revoked or replaced: make a new one on the page of the target's devices.",
        )


class NoImageReference(Conflict):
    """A device could not pull the image of a revision."""

    code = "no_image_reference"

    def __init__(self, number: int) -> None:
        super().__init__(
            f"Revision {number} has no image in a registry.",
            hint="Give the studio a registry of images to push to, and deploy the revision to a Docker target or "
            "package it as an image.",
        )


class IsolatedRunFailed(SlipwayError):
    """What was to be measured apart from every service does not run; `cause` is that of the catalogue of failures."""

    def __init__(self, cause: dict[str, Any]) -> None:
        super().__init__(
            cause["message"], code=cause["code"], hint=cause.get("hint", ""), evidence=cause.get("evidence", "")
        )
        self.turn, self.retryable = cause.get("turn", "user"), cause.get("retryable", False)
