"""The request of a script that speaks HTTP itself."""

from scoring.script.compat.raw_http import AMLRequest, rawhttp

__all__ = ["AMLRequest", "rawhttp"]
