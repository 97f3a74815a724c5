"""A virtual environment for each peer, in ~/.cache/slipway-bench, kept between runs.

The folder's name holds a hash of what was asked for, so that other requirements get another environment.
"""

import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

CACHE = Path.home() / ".cache" / "slipway-bench"
COMPLETE = "complete"  # written last: an environment without it was interrupted, and is made again


class CannotInstall(Exception):
    """The environment cannot be made; the message is the installer's last line."""


def environment(peer: str, requirements: tuple[str, ...]) -> Path:
    """The environment's bin folder; made first where it does not exist yet. Raises `CannotInstall`."""
    if not requirements:
        return Path(sys.executable).parent
    folder = CACHE / f"{peer}-{sha256(' '.join(requirements).encode()).hexdigest()[:10]}"
    if not (folder / COMPLETE).exists():
        print(f"installing {peer} into {folder}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        _uv("venv", "--quiet", "--python", sys.executable, str(folder))
        python = str(folder / "bin" / "python")
        _uv("pip", "install", "--quiet", "--compile-bytecode", "--python", python, *requirements)
        (folder / COMPLETE).write_text("\n".join(requirements))
    return folder / "bin"


def _uv(*arguments: str) -> None:
    beside = Path(sys.executable).parent / "uv"
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        raise CannotInstall("needs uv, which is neither beside this Python nor on the PATH")
    done = subprocess.run(["nice", uv, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotInstall((done.stderr.strip().splitlines() or [f"uv ended with {done.returncode}"])[-1])
