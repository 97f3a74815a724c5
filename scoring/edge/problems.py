"""What goes wrong on a device, by name: reports carry the code, people read the message and the hint."""


class EdgeProblem(Exception):
    """`code` is stable; `hint` is the next step."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint

    def as_dict(self) -> dict[str, str]:
        """Plain values, for reports."""
        return {"code": self.code, "message": self.message, "hint": self.hint}


def bad_signature(what: str) -> EdgeProblem:
    """`what` was not signed by the studio whose public key this device has, or was changed since."""
    return EdgeProblem(
        "bad_signature",
        f"The signature of {what} does not fit: the studio that this device trusts did not sign it, or it was changed "
        "since.",
        "Fetch it again from the studio. If the studio has a new signing key, give this device the new public key.",
    )
