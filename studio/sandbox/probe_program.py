"""Run behind each level of walls once, to see what they hold: prints what it is and what it could do, as JSON.

`probe_program.py SECRET OUTSIDE FOLDER PARENT PACKAGE`: a file that only the studio's user may read, a folder that is
not granted, the program's own folder, the number of a process outside, and a file of an installed package.
"""

import ctypes
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

CLONE_NEWUSER = 0x10000000
MS_REMOUNT, MS_BIND = 32, 4096


def main(secret: str, outside: str, folder: str, parent: str, package: str) -> None:
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    Path(folder, "mine").write_text("")  # the host looks whose it is
    tried: dict[str, Callable[[], Any]] = {
        "read_secret": Path(secret).read_bytes,
        "write_outside": Path(outside, "written").touch,
        "signal": lambda: os.kill(int(parent), 0),
        "remount": lambda: _succeed(_libc().mount(b"none", b"/usr", None, ctypes.c_ulong(MS_REMOUNT | MS_BIND), None)),
        "nest": lambda: _succeed(_libc().unshare(CLONE_NEWUSER)),
    }
    Path(package).read_bytes()  # must work: services import such files
    could = {name: _works(attempt) for name, attempt in tried.items()}
    del could["write_outside"]
    print(  # noqa: T201 - the probe reads it
        json.dumps(
            could
            | {
                "capabilities": int(status["CapEff"], 16),
                "no_new_privileges": status["NoNewPrivs"].strip() == "1",
                "processes": len([name for name in os.listdir("/proc") if name.isdecimal()]),
            }
        )
    )


def _works(attempt: Callable[[], Any]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _succeed(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), "refused")


if __name__ == "__main__":
    main(*sys.argv[1:])
