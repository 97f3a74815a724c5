"""Errors of monitoring, beside the family in studio.core.errors."""

from studio.core.errors import SlipwayError


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
