"""The load generator wrk, which counts the requests that were lost."""

import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

CONNECTIONS = 16
SCRIPT = """
wrk.method = "POST"
wrk.body = '{body}'
wrk.headers["Authorization"] = "Bearer {key}"
wrk.headers["Content-Type"] = "application/json"
"""


class Wrk:
    """Asks `url` on 16 connections from the moment it is made until `finish`. `folder` is where its script goes."""

    def __init__(self, folder: Path, url: str, body: Any, key: str) -> None:
        script = folder / "wrk.lua"
        script.write_text(SCRIPT.format(body=json.dumps(body), key=key))
        options = ["-t1", f"-c{CONNECTIONS}", "-d600s", "--timeout", "20s", "-s", script]
        self._process = subprocess.Popen(["wrk", *options, url], stdout=subprocess.PIPE, text=True)

    def finish(self) -> tuple[int, int]:
        """How many requests were answered, and how many were lost: no answer, or none with a status of success."""
        self._process.send_signal(signal.SIGINT)
        told, _ = self._process.communicate(timeout=30)
        errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", told)
        refused = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
        lost = sum(map(int, errors.groups())) if errors else 0
        return int(re.search(r"(\d+) requests in", told)[1]), lost + (int(refused[1]) if refused else 0)
