"""Pure: names for services."""

import re


def suggest_name(text: str) -> str:
    """A valid service name that resembles the text: 'Iris_v2' → 'iris-v2'."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:55].strip("-") or "service"


def without_underscores(name: str) -> str:
    """'my_deploy' → 'my-deploy': what a name that other systems accept is called here."""
    return name.replace("_", "-")
