"""The family of errors that people see.

An error has a stable code, an HTTP status, a sentence that names what happened and a hint that names the
next step; it also has whose turn it is and whether trying again can help. Pages and REST show the same
four. Nothing here knows a web framework: statuses are plain integers.
"""

from typing import Any, Literal

from studio.core.storable import storable


class SlipwayError(Exception):
    """Base of every error that is meant to be read by a person.

    `field` names the form field or JSON key at fault, if one is; `evidence` holds raw text (a traceback,
    a resolver's output) that pages fold away.
    """

    code = "error"
    status = 500
    turn: Literal["user", "us"] = "us"
    retryable = False

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: str | None = None,
        field: str | None = None,
        evidence: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.field = field
        self.evidence = evidence
        if code:
            self.code = code

    def as_dict(self) -> dict[str, Any]:
        """What job rows and API answers keep of the error."""
        facts = {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "turn": self.turn,
            "retryable": self.retryable,
            "evidence": self.evidence,
        }
        return storable(facts | ({"field": self.field} if self.field else {}))


class BadInput(SlipwayError):
    """What was sent cannot be used; the message says which part and why."""

    code = "bad_input"
    status = 400
    turn = "user"


class NotFound(SlipwayError):
    """No such thing, or nothing of that name that this person may see."""

    code = "not_found"
    status = 404
    turn = "user"


class Forbidden(SlipwayError):
    """The person is known but their role does not allow this."""

    code = "forbidden"
    status = 403
    turn = "user"


class Conflict(SlipwayError):
    """The thing is in use, taken, or was changed by somebody else in the meantime."""

    code = "conflict"
    status = 409
    turn = "user"


class TooLarge(SlipwayError):
    """More bytes than the studio accepts."""

    code = "too_large"
    status = 413
    turn = "user"


class Temporary(SlipwayError):
    """Something outside is unavailable for now; the same call may succeed later."""

    code = "unavailable"
    status = 503
    retryable = True


class DatabaseUnavailable(Temporary):
    """The database cannot read or write now. Its own message stays in the log: it may name hosts."""

    code = "database_unavailable"

    def __init__(self, raw: str) -> None:
        full = "full" in raw or "disk I/O" in raw or "No space left" in raw
        super().__init__(
            "The studio's database cannot work at this moment" + (": its disk seems to be full." if full else "."),
            hint="Ask an administrator to free space, then try again." if full else "Try again in a few seconds.",
        )
