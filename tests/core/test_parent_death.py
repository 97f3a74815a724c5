import os
import signal
import subprocess
import sys

import psutil
import pytest

from studio.core.parent_death import die_with_parent_prefix
from tests.stack import wait_for

PARENT = """
import subprocess, sys
from studio.core.parent_death import die_with_parent_prefix
command = [*die_with_parent_prefix(), sys.executable, "-c", "import time; time.sleep(60)"]
child = subprocess.Popen(command, start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""


def command_of(process: psutil.Process) -> str:
    """What it runs; nothing for the moment in which one program takes the place of another."""
    return next(iter(process.cmdline()), "")


@pytest.mark.skipif(not die_with_parent_prefix(), reason="this system has no setpriv")
def test_child_with_the_prefix_is_killed_with_its_parent():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        wait_for(lambda: command_of(child) == sys.executable, 30, "the die_with_parent_prefix to be on")
        os.kill(parent.pid, signal.SIGKILL)
    child.wait(30)
    assert not child.is_running()


def test_commands_run_unchanged_without_setpriv(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert die_with_parent_prefix.__wrapped__() == ()
