"""Why something is not as it should be."""

from typing import TypedDict


class Cause(TypedDict, total=False):
    """Why something is not as it should be."""

    code: str
    message: str
    hint: str
    evidence: str
