"""Children that must not outlive the process that started them, even when that one is killed."""

import functools
import shutil
import subprocess

PROBE_SECONDS = 5


@functools.cache
def die_with_parent_prefix() -> tuple[str, ...]:
    """The prefix of a command that the kernel kills when its parent ends; empty where it cannot.

    A prefix rather than a function between fork and exec: workers have threads, and there only exec is safe.
    """
    setpriv = shutil.which("setpriv")  # of util-linux
    if setpriv is None:
        return ()
    prefix = (setpriv, "--pdeathsig", "KILL")
    try:
        probe = subprocess.run([*prefix, "true"], capture_output=True, timeout=PROBE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return prefix if probe.returncode == 0 else ()
