"""What a scoring server is started with: a virtual environment around packages that are there, its settings, its
variables.

A virtual environment is a file and two links: the device needs no `venv` module, and its own packages stay out.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scoring.edge.files import replace_file
from scoring.opt_outs import OPT_OUTS

PASSED_ON = ("LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
PASSED_ON_GPU = ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES")


def make_environment(place: Path, packages: Path) -> Path:
    """Its interpreter. Made anew where it does not fit this Python, as after an update of the device."""
    base = Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()
    library = place / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    library.mkdir(parents=True, exist_ok=True)
    (place / "bin").mkdir(exist_ok=True)
    replace_link(library / "site-packages", packages.resolve())
    replace_link(place / "bin" / "python", base)
    replace_file(place / "pyvenv.cfg", f"home = {base.parent}\ninclude-system-site-packages = false\n".encode())
    return place / "bin" / "python"


def environment(
    variables: Mapping[str, str],
    library: Path,
    work: Path,
    *,
    compiled: Path | None = None,
    own: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """The whole environment of a server. `compiled`: where modules are compiled to; None: they have been already."""
    passed = {name: own[name] for name in (*PASSED_ON, *PASSED_ON_GPU) if name in own}
    return (
        passed
        | OPT_OUTS
        | dict(variables)
        | {
            "PATH": own.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
            "HOME": str(work / "home"),
            "PYTHONPATH": str(library),
            "PYTHONSAFEPATH": "1",
            "PYTHONUNBUFFERED": "1",
        }
        | ({"PYTHONPYCACHEPREFIX": str(compiled)} if compiled else {"PYTHONDONTWRITEBYTECODE": "1"})
    )


def write_settings(control: Path, settings: Mapping[str, Any], keys: Mapping[str, Any]) -> Path:
    """`run.json` and `keys.json`, in a folder for their owner alone; gives the first."""
    control.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(control / "keys.json", json.dumps(keys).encode())
    replace_file(control / "run.json", json.dumps(settings).encode())
    return control / "run.json"


def replace_link(place: Path, target: Path) -> None:
    """Have a link lead to `target`; whoever is killed leaves the one of before."""
    if place.is_symlink() and os.readlink(place) == str(target):
        return
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.symlink_to(target)
    os.replace(draft, place)
