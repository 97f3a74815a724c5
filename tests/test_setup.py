"""`ops/setup.sh`, with installers in place of pip and uv: what a person sees, and that every file is checked."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

SETUP = Path(settings.BASE_DIR) / "ops" / "setup.sh"
INSTALLED = """
Resolved 2 packages in 1ms
Downloading numpy (16.1MiB)
Installed 2 packages in 2ms
 + numpy==2.0
 ~ django==5.2
"""


@pytest.fixture
def setup(tmp_path):
    """`setup("text", 0)` runs it while uv says the text and exits with the status; returns how it ended."""
    (tmp_path / "ops").mkdir()
    shutil.copy(SETUP, tmp_path / "ops")
    (tmp_path / "requirements.txt").write_text("django==5.2 --hash=a\nnumpy==2.0 --hash=b\n")
    (tmp_path / "pyproject.toml").touch()
    tools = tmp_path / ".venv" / "bin"
    tools.mkdir(parents=True)
    (tools / "python").symlink_to(sys.executable)
    _script(tools / "pip", "")

    def run(said: str, status: int) -> subprocess.CompletedProcess[str]:
        _script(tools / "uv", f"echo \"$*\" >>'{tmp_path}/uv'\ncat >&2 <<'END'{said}END\nexit {status}")
        command = ["sh", str(tmp_path / "ops" / "setup.sh")]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    return run


def _script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_setup_says_what_it_does_step_by_step_without_the_list_of_all_packages(setup):
    done = setup(INSTALLED, 0)

    assert done.returncode == 0
    assert [line.removeprefix("setup: ") for line in done.stdout.splitlines()] == [
        "installing into .venv (once; a few hundred megabytes)",
        "2 packages of requirements.txt",
        *("Resolved 2 packages in 1ms", "Downloading numpy (16.1MiB)", "Installed 2 packages in 2ms"),
        "the studio and its command line",
        *("Resolved 2 packages in 1ms", "Downloading numpy (16.1MiB)", "Installed 2 packages in 2ms"),
    ]
    assert setup(INSTALLED, 0).stdout == "", "what is installed already is not installed again"


def test_failed_setup_shows_the_reason_ends_with_an_error_and_is_tried_again(setup):
    failed = setup("\nerror: numpy has another hash\n", 2)

    assert failed.returncode == 1
    assert "setup: error: numpy has another hash" in failed.stdout
    assert "the lines above say why" in failed.stderr
    assert setup(INSTALLED, 0).returncode == 0


LOCK = r"""setuptools==83.0 \
    --hash=sha256:aa
uv==0.0.1 \
    --hash=sha256:bb \
    --hash=sha256:cc
    # via -r requirements.in
uvicorn==1.0 \
    --hash=sha256:dd
"""


def test_every_file_is_checked_against_its_hash_the_installer_s_own_among_them(setup, tmp_path):
    (tmp_path / "requirements.txt").write_text(LOCK)
    _script(tmp_path / ".venv" / "bin" / "pip", f"(echo \"$*\"; cat) >>'{tmp_path}/pip'")
    assert setup(INSTALLED, 0).returncode == 0

    arguments, *lines = (tmp_path / "pip").read_text().splitlines()
    assert {"install", "--require-hashes", "--no-deps"} <= set(arguments.split())
    assert lines == LOCK.splitlines()[2:5], "uv and its hashes, and nothing else"
    locked, own = (tmp_path / "uv").read_text().splitlines()
    assert locked == "pip install --require-hashes -r requirements.txt"
    assert own == "pip install --no-deps --no-build-isolation --editable ."


@pytest.mark.parametrize("package", ["uv", "setuptools"])
def test_what_installs_is_in_the_lock_with_hashes(package):
    lock = (Path(settings.BASE_DIR) / "requirements.txt").read_text()
    assert re.search(rf"^{package}==[^\n]* \\\n    --hash=sha256:[0-9a-f]{{64}}", lock, re.MULTILINE)
