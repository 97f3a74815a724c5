"""Pure: what services can be called."""

import re


def like(text: str) -> str:
    """A possible service name that resembles the text: 'Iris_v2' → 'iris-v2'."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:55].strip("-") or "service"
