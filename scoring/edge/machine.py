"""Which Python this is, on which kind of machine, and whether packages that were installed for another one fit it."""

import platform
import sys
from collections.abc import Mapping

from scoring.edge.problems import EdgeProblem

NAMES = {"minor": "Python", "system": "operating system", "machine": "processor", "libc": "C library"}


def this_python() -> dict[str, str]:
    """What decides whether compiled packages load: `minor` ("3.11"), `system`, `machine` and `libc`."""
    return {
        "minor": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "system": platform.system().lower(),
        "machine": platform.machine().lower(),
        "libc": platform.libc_ver()[0] or "other",
    }


def check_fit(needed: Mapping[str, str]) -> None:
    """Raises `EdgeProblem` (python_mismatch) that names the first difference."""
    found = this_python()
    for name, title in NAMES.items():
        if name in needed and needed[name] != found[name]:
            raise EdgeProblem(
                "python_mismatch",
                f"This needs the {title} {needed[name]}, and this device has {found[name]}.",
                f"Start it with Python {needed.get('minor', '?')} on {needed.get('system', '?')} "
                f"{needed.get('machine', '?')}, or export the revision from a studio that runs on a machine like this.",
            )
