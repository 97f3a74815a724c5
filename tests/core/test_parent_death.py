import os
import signal
import subprocess
import sys

import psutil
import pytest

from studio.core.parent_death import leash
from tests.stack import wait_for

PARENT = """
import subprocess, sys
from studio.core.parent_death import leash
child = subprocess.Popen([*leash(), sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""


def command_of(process: psutil.Process) -> str:
    """What it runs; nothing for the moment in which one program takes the place of another."""
    return next(iter(process.cmdline()), "")


@pytest.mark.skipif(not leash(), reason="this system has no setpriv")
def test_a_child_on_the_leash_ends_when_its_parent_is_killed():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        wait_for(lambda: command_of(child) == sys.executable, 30, "the leash to be on")
        os.kill(parent.pid, signal.SIGKILL)
    child.wait(30)
    assert not child.is_running()


def test_without_the_tool_commands_run_as_they_are(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert leash.__wrapped__() == ()
