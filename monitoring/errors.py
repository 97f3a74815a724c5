"""Errors of monitoring, beside the family in studio.core.errors."""

from studio.core.errors import Conflict, SlipwayError


class UnknownToken(SlipwayError):
    """The telemetry came without a token, or with one that no service has."""

    code = "token_unknown"
    status = 401
    turn = "user"


class LoadFailed(SlipwayError):
    """A load could not be put on a service; the code says what of: an address, bodies, answers that are errors only."""

    code = "load_failed"
    status = 422
    turn = "user"


class NothingAnswered(SlipwayError):
    """What is profiled answers no request, so that there is nothing to measure."""

    code = "nothing_answered"
    status = 422
    turn = "user"

    def __init__(self, told: str, log: str) -> None:
        super().__init__(
            f"No request was answered. {told}".strip(),
            hint="Send a request that the model accepts, and look into the log below. An endless loop in run() "
            "shows as a timeout.",
            evidence=log,
        )


class NothingRecommended(Conflict):
    """A profile has not ended, or has found nothing that meets its goal."""

    code = "nothing_recommended"

    def __init__(self, profile: str) -> None:
        super().__init__(
            f"The {profile} recommends nothing that could be applied.",
            hint="Wait for its end; or profile again with a goal that can be met, or with larger limits.",
        )
