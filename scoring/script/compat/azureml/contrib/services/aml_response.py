"""The answer of a script that speaks HTTP itself."""

from scoring.script.compat.raw_http import AMLResponse

__all__ = ["AMLResponse"]
