"""Secrets leave the environment that the kernel shows of a program, and reach the program all the same."""

import os
import subprocess
import sys

import pytest

from studio.core.secret_environment import SECRETS, restore, without_secrets
from studio.stack.children import run_command
from tests.stack import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="hides secrets by Linux's means")

SHOWN = "open('/proc/self/environ').read()"
PROGRAM = f"""
import os
from studio.core.secret_environment import restore, start_without_secrets
start_without_secrets()
restore(os.environ)
print(os.environ.get('DATABASE_URL'), 'hunter2' in {SHOWN}, os.environ['OTHER'])
"""
CHILD = f"""
import os
from studio.core.secret_environment import restore
restore(os.environ)
print(os.environ.get('DATABASE_URL'), 'hunter2' in {SHOWN}, len(os.listdir('/proc/self/fd')))
"""
URL = "postgres://me:hunter2@host/db"  # pragma: allowlist secret


def plain_environment(**more):
    return without_secrets(os.environ) | {"PYTHONPATH": str(ROOT), "OTHER": "kept"} | more


def run(code, **more):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=plain_environment(**more), capture_output=True, text=True, check=True).stdout


def test_program_restarts_without_secrets_in_its_environment():
    assert run(PROGRAM, DATABASE_URL=URL) == f"{URL} False kept\n"


def test_program_without_secrets_is_not_restarted():
    assert run(PROGRAM) == "None False kept\n"


def test_secret_is_read_from_the_file_that_a_variable_names(tmp_path):
    (tmp_path / "url").write_text(f"{URL}\n")
    assert run(PROGRAM, DATABASE_URL_FILE=str(tmp_path / "url")) == f"{URL} False kept\n"


def test_supervised_program_gets_secrets_without_showing_them():
    reading, writing = os.pipe()
    process = run_command([sys.executable, "-c", CHILD], plain_environment(DATABASE_URL=URL), writing)
    os.close(writing)
    with open(reading) as output:
        shown = output.read().split()
    assert process.wait(30) == 0
    assert shown[:2] == [URL, "False"]
    assert int(shown[2]) <= 4, "the standard streams and the listing itself: the file with the secrets is closed"


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_can_be_read_from_a_file(name, tmp_path):
    (tmp_path / "secret").write_text("hunter2\n")
    environment = {f"{name}_FILE": str(tmp_path / "secret")}
    restore(environment)
    assert environment[name] == "hunter2"


def test_unreadable_secret_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"DATABASE_URL_FILE names .*missing, which cannot be read"):
        restore({"DATABASE_URL_FILE": str(tmp_path / "missing")})


def test_secret_given_twice_is_rejected(tmp_path):
    (tmp_path / "url").write_text(URL)
    with pytest.raises(ValueError, match="DATABASE_URL and DATABASE_URL_FILE are both set"):
        restore({"DATABASE_URL": URL, "DATABASE_URL_FILE": str(tmp_path / "url")})
