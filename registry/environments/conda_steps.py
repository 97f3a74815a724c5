"""What conda's solver installs, as a step of an image: by micromamba, mamba or conda, whichever it brings. Pure."""

import shlex
from collections.abc import Mapping
from typing import Any

PROGRAMS = ("micromamba", "mamba", "conda")
MISSING = "The base image has neither micromamba, mamba nor conda to install packages of conda with."


def conda_steps(conda: Mapping[str, Any]) -> tuple[str, ...]:
    """The step that installs `Environment.conda` into the base's own environment; none where nothing is asked for."""
    packages = conda.get("dependencies", [])
    if not packages:
        return ()
    channels = [word for channel in conda.get("channels", []) for word in ("--channel", channel)]
    arguments = shlex.join(["install", "--yes", "--name", "base", "--override-channels", *channels, *packages])
    tries = [f"if command -v {name} > /dev/null; then {name} {arguments}" for name in PROGRAMS]
    return ("RUN " + "; el".join(tries) + f"; else echo {shlex.quote(MISSING)} >&2; exit 1; fi",)
