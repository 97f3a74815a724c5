"""An engine that is reached over SSH, through a real server on this machine."""

import getpass
import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from deployments.engines import EngineClient, EngineProblem, facts_of, parse_address
from deployments.targets.docker.target_settings import read_settings
from tests.conftest import require
from tests.docker_engine import base_image, engine  # noqa: F401 - fixtures
from tests.stack import free_port
from tests.targets.contract import gone, until
from tests.targets.docker.conftest import image, spec, studio  # noqa: F401 - fixtures
from tests.targets.docker.containers import docker_driver

SSHD = Path("/usr/sbin/sshd")


def make_key(path: Path) -> str:
    """Its public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return " ".join(path.with_name(f"{path.name}.pub").read_text().split()[:2])


@pytest.fixture
def server(tmp_path, monkeypatch, docker_engine):
    """The address of an engine behind an SSH server that lets this user's key in; `~` is a folder of the test's."""
    if not SSHD.exists():
        require("sshd", "no SSH server is installed")
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    allowed = tmp_path / "allowed"
    allowed.write_text(make_key(home / ".ssh" / "id_ed25519"))
    allowed.chmod(0o600)
    host, port = make_key(tmp_path / "host"), free_port()
    (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{port} {host}\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    options = {
        "ListenAddress": "127.0.0.1",
        "HostKey": tmp_path / "host",
        "AuthorizedKeysFile": allowed,
        "StrictModes": "no",
        "PidFile": "none",
        "UsePAM": "no",
    }
    command = [SSHD, "-D", "-f", "/dev/null", "-p", str(port)]
    with subprocess.Popen([*command, *(f"-o{name}={value}" for name, value in options.items())]) as running:
        wait_until_it_listens(running.pid)
        yield parse_address(f"ssh://{getpass.getuser()}@127.0.0.1:{port}")
        for process in psutil.Process(running.pid).children(recursive=True):
            process.kill()
        running.kill()


def wait_until_it_listens(pid: int) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with suppress(psutil.Error):
            if psutil.Process(pid).net_connections("tcp"):
                return
        time.sleep(0.05)
    raise AssertionError("the SSH server does not listen")


def problem_with(address) -> str:
    with pytest.raises(EngineProblem) as met:
        facts_of(EngineClient(address))
    return met.value.code


def known_hosts() -> Path:
    return Path.home() / ".ssh" / "known_hosts"


def test_engine_is_reached(server):
    assert facts_of(EngineClient(server)).system == "linux"


def test_host_that_is_not_known(server):
    known_hosts().unlink()
    assert problem_with(server) == "ssh_host_unknown"


def test_host_with_another_key(server, tmp_path):
    name = known_hosts().read_text().split()[0]
    known_hosts().write_text(f"{name} {make_key(tmp_path / 'stranger')}\n")
    assert problem_with(server) == "ssh_host_changed"


def test_user_without_a_key(server):
    (Path.home() / ".ssh" / "id_ed25519").unlink()
    assert problem_with(server) == "ssh_refused"


def test_user_with_a_key_that_nobody_allowed(server, tmp_path):
    own = Path.home() / ".ssh" / "id_ed25519"
    own.unlink()
    make_key(own.with_name("id_ed25519.new"))
    own.with_name("id_ed25519.new").rename(own)
    assert problem_with(server) == "ssh_refused"


def test_container_runs_at_an_engine_over_ssh(server, spec, studio, tmp_path):  # noqa: F811 - fixtures
    driver = docker_driver(tmp_path, studio, settings=read_settings({"host": server.host}))
    found = until(driver, spec.ref, "ready", lambda: driver.apply(spec))
    assert found.endpoints[0].address.startswith("http://127.0.0.1:")
    assert "the stand-in begins" in driver.logs(spec.ref)[0]
    gone(driver, spec.ref)
