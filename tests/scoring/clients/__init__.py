"""Clients whose packages do not fit beside ours: each has an environment of its own, and a program that asks with it.

`<name>.txt` holds what is installed, `<name>_program.py` asks a server and prints what it was told.
"""

import json
import os
import subprocess
from pathlib import Path

from bench.environment import CannotInstall, environment
from tests.conftest import require
from tests.scoring.conftest import KEY, Replica

FOLDER = Path(__file__).parent
DIRECTLY = {name: "127.0.0.1" for name in ("no_proxy", "NO_PROXY")}


def told_to(client: str, replica: Replica, grpc_port: int):
    """What a client's program prints about a server; the environment is made when it is missing, and kept."""
    try:
        python = environment(f"client-{client}", ("--no-deps", *_requirements(client))) / "python"
    except CannotInstall as error:
        require("clients", f"{client}'s packages cannot be installed here: {error}")
    program = [python, FOLDER / f"{client}_program.py"]
    places = [f"http://127.0.0.1:{replica.port}", f"127.0.0.1:{grpc_port}", KEY]
    done = subprocess.run(
        [*program, *places], capture_output=True, text=True, check=False, timeout=120, env=os.environ | DIRECTLY
    )
    assert done.returncode == 0, f"{done.stderr}\n{replica.log()}"
    return json.loads(done.stdout)


def _requirements(client: str) -> list[str]:
    lines = (FOLDER / f"{client}.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]
