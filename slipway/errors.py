"""What can go wrong, as seen from a client: each with a message, a hint for the next step and an exit code."""

from typing import Any

USAGE, UNAUTHORISED, NOT_FOUND, CONFLICT, TIMEOUT, UNREACHABLE = 2, 3, 4, 5, 6, 7
_BY_STATUS = {400: USAGE, 401: UNAUTHORISED, 403: UNAUTHORISED, 404: NOT_FOUND, 409: CONFLICT}


class SlipwayError(Exception):
    """Base of all. `exit_code` is what the command line ends with."""

    exit_code = 1
    code = "error"

    def __init__(self, message: str, *, hint: str = "", evidence: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.evidence = evidence

    def as_dict(self) -> dict[str, Any]:
        """What `-o json` prints."""
        facts = {"code": self.code, "message": self.message, "hint": self.hint}
        return facts | ({"evidence": self.evidence} if self.evidence else {})


class SlipwayApiError(SlipwayError):
    """The studio answered with an error. `attr` names the field at fault, if one is."""

    def __init__(self, status: int, code: str, detail: str, *, hint: str = "", attr: str | None = None) -> None:
        super().__init__(detail, hint=hint)
        self.status = status
        self.code = code
        self.detail = detail
        self.attr = attr
        self.exit_code = _BY_STATUS.get(status, 1)

    def as_dict(self) -> dict[str, Any]:
        return super().as_dict() | {"status": self.status, "attr": self.attr}


class Unreachable(SlipwayError):
    """No studio answers at the address."""

    exit_code = UNREACHABLE
    code = "unreachable"


class TimedOut(SlipwayError):
    """What was waited for did not happen in time; it may still happen."""

    exit_code = TIMEOUT
    code = "timeout"


class NotSignedIn(SlipwayError):
    """No address or token is known."""

    exit_code = UNAUTHORISED
    code = "not_signed_in"


class Misuse(SlipwayError):
    """The command cannot be carried out as given: a file that is not there, a value of the wrong form."""

    exit_code = USAGE
    code = "usage"


class Interrupted(SlipwayError):
    """Somebody pressed Ctrl-C."""

    exit_code = 130
    code = "interrupted"


class AlreadyThere(SlipwayError):
    """A local file is in the way."""

    exit_code = CONFLICT
    code = "already_there"


class Failed(SlipwayError):
    """The studio tried and could not: a rejected version, a service that does not start."""

    code = "failed"

    @classmethod
    def because(cls, what: str, cause: dict[str, Any] | None) -> "Failed":
        """The error for `what`, explained by a cause as the studio gives it."""
        cause = cause or {}
        reason = cause.get("message", "")
        error = cls(
            f"{what}: {reason}" if reason else f"{what}.",
            hint=cause.get("hint", ""),
            evidence=cause.get("evidence", ""),
        )
        error.code = cause.get("code", cls.code)
        return error
