"""What the load generator cannot do, in words. It knows no web framework and nothing of the studio."""


class Unusable(Exception):
    """A plan, bodies or an address that cannot be measured: a stable code, what happened, and the next step."""

    def __init__(self, code: str, message: str, hint: str = "", example: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.hint, self.example = code, message, hint, example
