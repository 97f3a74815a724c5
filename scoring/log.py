"""Log lines of the server itself: `<UTC time> <level> [pid] scoring - message`, beside what the script prints."""

import os
import sys
from datetime import datetime, timezone


def log(message: str, level: str = "I") -> None:
    """One line to the log; `level` is I, W or E."""
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]  # noqa: UP017 - Python 3.10 has no datetime.UTC
    sys.stderr.write(f"{now} {level} [{os.getpid()}] scoring - {message}\n")
    sys.stderr.flush()
