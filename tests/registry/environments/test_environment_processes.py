"""The processes that install an environment: their variables, their end, several at once."""

import io
import subprocess
import sys
import time

import psutil
import pytest

from registry.environments import environments, uv
from registry.environments.uv import Limits
from studio.core.errors import SlipwayError
from tests.registry.worker_processes import SECONDS, ended, killed_halfway, workers

pytestmark = pytest.mark.django_db


def test_cancelled_installation_ends_with_its_child_processes(wheels, define, tmp_path, monkeypatch):
    program = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)', '{tmp_path}'])"
    )
    monkeypatch.setattr(uv, "compile_arguments", lambda *_, **__: [sys.executable, "-c", program])
    began = time.monotonic()
    with pytest.raises(SlipwayError, match="cancelled"):
        environments.install(define("demo"), io.StringIO(), cancelled=lambda: time.monotonic() - began > 1)
    time.sleep(0.2)
    assert not [one for one in psutil.process_iter(["cmdline"]) if str(tmp_path) in (one.info["cmdline"] or [])]


def test_the_log_is_written_while_the_installer_runs(tmp_path):
    class Watched(io.StringIO):
        def write(self, text):
            moments.append(time.monotonic())
            return super().write(text)

    moments: list[float] = []
    program = "import time; print('one', flush=True); time.sleep(1); print('two', flush=True)"
    limits = Limits(time.monotonic() + SECONDS)
    outcome = uv.run([sys.executable, "-c", program], folder=tmp_path, log=Watched(), limits=limits)
    assert (outcome.ok, outcome.output) == (True, "one\ntwo\n")
    assert moments[1] - moments[0] > 0.8


def test_the_installer_never_sees_the_studios_secrets(monkeypatch):
    for name in ("SLIPWAY_SECRET_KEY", "DATABASE_URL", "REDIS_URL", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    passed = uv.environment_variables()
    assert "secret" not in passed.values()
    assert passed["UV_DEFAULT_INDEX"] == "http://127.0.0.1:9/simple"
    assert passed["https_proxy"] == "http://proxy:3128"


@pytest.fixture
def worker(wheels, tmp_path):
    """`worker('install')` is a worker's process with a data folder and database of its own."""
    with workers("tests.registry.install_elsewhere", tmp_path / "shared", wheels) as start:
        yield start


def environment_folders(tmp_path) -> list[str]:
    names = [path.name for path in (tmp_path / "shared" / "environments").iterdir()]
    return sorted(name for name in names if not name.endswith(".lock"))


def test_two_concurrent_workers_install_one_environment(worker, tmp_path):
    ended(worker("define"))
    outputs = [ended(process) for process in [worker("install"), worker("install")]]
    assert sum("Installing the locked packages" in output for output in outputs) == 1
    assert len(environment_folders(tmp_path)) == 1


def test_worker_killed_during_installation_leaves_no_partial_environment(worker, tmp_path):
    ended(worker("define"))
    with killed_halfway(worker("hang")):
        assert [name.endswith(".draft") for name in environment_folders(tmp_path)] == [True]
        assert "Installing the locked packages" in ended(worker("install"))  # while what it started still runs
    (made,) = environment_folders(tmp_path)
    assert not made.endswith(".draft")
    python = tmp_path / "shared" / "environments" / made / "bin" / "python"
    assert subprocess.run([python, "-c", "import demo, demo_helper, demo_runtime"], check=False).returncode == 0
