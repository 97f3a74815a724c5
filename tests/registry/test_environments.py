import contextlib
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from django.conf import settings as django_settings

from registry import environments, installer
from registry.environment_paths import environment_log_path, environment_path, is_installed, python_path
from registry.installer import Limits, Outcome, Sources
from registry.installer_failures import IndexAway, failure_of
from registry.models import Environment
from studio.activity.models import Event
from studio.core.errors import BadInput, NotFound, SlipwayError
from tests.registry.wheels import make_wheel, serve_wheels

pytestmark = pytest.mark.django_db
SECONDS = 180  # a busy machine starts a process slowly


@pytest.fixture
def wheels(tmp_path, settings, monkeypatch):
    """A folder of wheels in place of the index, and a scoring server that needs only `demo-runtime`."""
    folder = serve_wheels(tmp_path, settings, monkeypatch, runtime="demo-runtime\n")
    make_wheel(folder, "demo-runtime")
    make_wheel(folder, "demo", needs=("demo-helper>=1",))
    make_wheel(folder, "demo-helper")
    make_wheel(folder, "demo-helper", "2.0")
    return folder


@pytest.fixture
def define(workspace, bob):
    def make(*requirements, name="demo", python="3.11", where=workspace):
        return environments.define(
            workspace=where, actor=bob, name=name, python_version=python, requirements=requirements
        )

    return make


def answers(environment, code):
    return subprocess.run(
        [python_path(environment.definition_hash), "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


# --- definitions ----------------------------------------------------------------------------------


def test_versions_count_from_one(define):
    assert [str(define("a")), str(define("b")), str(define("a", name="other"))] == ["demo:1", "demo:2", "other:1"]


def test_the_same_definition_again_is_no_new_version(define):
    first = define("Demo>=1")
    assert define("demo >= 1", "# a comment") == first
    assert Event.objects.filter(action="environment.defined").count() == 1


@pytest.mark.parametrize("name", ["", "../up", "a b", "-a", "x" * 121, "slipway-runtime"])
def test_a_bad_name_is_refused(define, name):
    with pytest.raises(BadInput) as refused:
        define("a", name=name)
    assert refused.value.field == "name"


def test_an_environment_is_found_by_name_number_and_latest(workspace, elsewhere, define):
    first, second = define("a"), define("b")
    assert environments.find(workspace, "demo:1") == first
    assert environments.find(workspace, "demo") == environments.find(workspace, "demo:latest") == second
    for reference in ("demo:3", "demo:x", "demo:-1", "demo:99999999999999999999", "other"):
        with pytest.raises(NotFound):
            environments.find(workspace, reference)
    with pytest.raises(NotFound):
        environments.find(elsewhere, "demo:1")


def test_the_curated_environment_needs_no_build(workspace, elsewhere):
    environment = environments.curated(workspace)
    assert str(environment) == "slipway-runtime:1"
    assert environments.curated(workspace) == environment != environments.curated(elsewhere)
    assert environments.state_of(environment) == ("ready", "ok")
    assert environments.lock(environment) == ""
    environments.install(environment, io.StringIO())
    assert python_path(environment.definition_hash) == Path(sys.executable)


# --- lock and install -----------------------------------------------------------------------------


def test_an_environment_is_locked_with_hashes_and_installed(wheels, define):
    environment, log = define("demo"), io.StringIO()
    assert environments.state_of(environment) == ("not made yet", "idle")
    folder = environments.install(environment, log)
    assert folder == environment_path(environment.definition_hash)
    assert environments.state_of(environment) == ("ready", "ok")
    environment.refresh_from_db()
    assert "demo-helper==2.0" in environment.lock
    assert environment.lock.count("--hash=sha256:") == 3
    assert answers(environment, "import demo, demo_helper, demo_runtime; print(demo_helper.VERSION)") == "2.0"
    assert "demo-runtime==1.0" in log.getvalue()
    assert environment_log_path(environment.definition_hash).read_text() == log.getvalue()


def test_equal_definitions_share_lock_and_folder_across_names_and_workspaces(wheels, define, elsewhere):
    first, second = define("demo", name="one"), define("Demo", name="two", where=elsewhere)
    folder = environments.install(first, io.StringIO())
    made = folder.stat().st_mtime_ns
    make_wheel(wheels, "demo-helper", "3.0")  # a newer one must not change what is locked
    again = io.StringIO()
    assert environments.install(second, again) == folder
    assert folder.stat().st_mtime_ns == made
    assert "ready" in again.getvalue()
    second.refresh_from_db()
    assert "demo-helper==2.0" in second.lock
    assert define("demo", name="three").lock == second.lock


def test_an_environment_whose_python_has_gone_is_made_anew_from_the_same_lock(wheels, define):
    environment = define("demo")
    folder = environments.install(environment, io.StringIO())
    make_wheel(wheels, "demo-helper", "3.0")
    (folder / "bin" / "python").unlink()
    assert not is_installed(environment.definition_hash)
    environments.install(environment, io.StringIO())
    assert answers(environment, "import demo_helper; print(demo_helper.VERSION)") == "2.0"


def fails(environment) -> SlipwayError:
    log = io.StringIO()
    with pytest.raises(SlipwayError) as failed:
        environments.install(environment, log)
    assert failed.value.message in log.getvalue()
    assert not environment_path(environment.definition_hash).exists()
    assert not list(environment_path(environment.definition_hash).parent.glob("*.draft"))
    assert environments.state_of(environment) == ("last try failed", "bad")
    return failed.value


def test_requirements_that_collide_are_named(wheels, define):
    error = fails(define("demo", "demo-helper<1"))
    assert (error.code, error.turn) == ("environment_unsolvable", "user")
    assert "demo-helper<1" in error.message
    assert "No solution found" in error.evidence


def test_a_package_that_the_wheel_folder_lacks_is_named_without_blaming_the_requirements(wheels, define):
    error = fails(define("demo", "absent-package"))
    assert error.code == "package_unknown"
    assert "absent-package" in error.message
    assert "wheel folder" in error.message
    assert str(wheels) in error.hint


def test_a_version_that_does_not_exist_is_named(wheels, define):
    assert "demo==9" in fails(define("demo==9")).message


def test_a_python_that_is_not_installed_is_told_with_those_that_are(wheels, define):
    error = fails(define("demo", python="3.99"))
    assert error.code == "python_missing"
    assert f"these are: {'.'.join(map(str, sys.version_info[:3]))}" in error.message


def test_a_file_that_was_replaced_after_locking_is_refused(wheels, define, tmp_path, monkeypatch):
    environment = define("demo")
    environments.lock(environment)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another-cache"))
    make_wheel(wheels, "demo", needs=("demo-helper>=1",), code="print('tampered with')\n")
    error = fails(environment)
    assert error.code == "hash_mismatch"
    assert "demo==1.0" in error.message


def test_a_source_package_that_cannot_be_built_is_named(wheels, define):
    broken = "demo_broken-1.0"
    (wheels.parent / broken).mkdir()
    (wheels.parent / broken / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: demo-broken\nVersion: 1.0\n")
    (wheels.parent / broken / "setup.py").write_text("raise SystemExit(3)\n")
    subprocess.run(["tar", "-czf", wheels / f"{broken}.tar.gz", "-C", wheels.parent, broken], check=True)
    error = fails(define("demo-broken"))
    assert error.code == "package_unbuildable"
    assert "demo-broken" in error.message


def test_an_index_that_cannot_be_reached_is_not_taken_for_a_conflict(wheels, define, settings, monkeypatch):
    settings.SLIPWAY = settings.SLIPWAY | {"WHEELS": "", "OFFLINE": False}
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    error = fails(define("demo"))
    assert (error.code, error.retryable, error.turn) == ("index_unreachable", True, "us")
    assert "Nothing is known to be wrong with the requirements" in error.message
    assert "127.0.0.1:9" in error.evidence


def test_without_the_index_wheels_and_cache_are_enough(wheels, define, settings, monkeypatch):
    settings.SLIPWAY = settings.SLIPWAY | {"OFFLINE": False}
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    log = io.StringIO()
    environments.install(define("demo"), log)
    assert "trying with what this machine has" in log.getvalue()


def test_a_missing_wheel_folder_is_told(define, settings, tmp_path):
    settings.SLIPWAY = settings.SLIPWAY | {"WHEELS": str(tmp_path / "nowhere")}
    settings.DATA_DIR = tmp_path
    with pytest.raises(SlipwayError, match="does not exist"):
        environments.install(define("demo"), io.StringIO())


def test_an_installation_that_takes_too_long_is_ended(wheels, define, settings, monkeypatch):
    settings.SLIPWAY = settings.SLIPWAY | {"BUILD_SECONDS": 1}
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(installer, "compile_arguments", lambda *_, **__: sleep)
    began = time.monotonic()
    assert fails(define("demo")).code == "environment_timeout"
    assert time.monotonic() - began < 10


def test_a_cancelled_installation_ends_with_everything_it_started(wheels, define, tmp_path, monkeypatch):
    program = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)', '{tmp_path}'])"
    )
    monkeypatch.setattr(installer, "compile_arguments", lambda *_, **__: [sys.executable, "-c", program])
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
    outcome = installer.run([sys.executable, "-c", program], folder=tmp_path, log=Watched(), limits=limits)
    assert (outcome.ok, outcome.output) == (True, "one\ntwo\n")
    assert moments[1] - moments[0] > 0.8


def test_the_installer_never_sees_the_studios_secrets(monkeypatch):
    for name in ("SLIPWAY_SECRET_KEY", "DATABASE_URL", "REDIS_URL", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    passed = installer.environment_variables()
    assert "secret" not in passed.values()
    assert passed["UV_DEFAULT_INDEX"] == "http://127.0.0.1:9/simple"
    assert passed["https_proxy"] == "http://proxy:3128"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("error: Failed to write\n  cause: No space left on device (os error 28)", "disk_full"),
        ("error: Failed to fetch: `x`\n  cause: dns error", "index_unreachable"),
        ("error: something nobody has seen", "environment_failed"),
    ],
)
def test_a_failed_run_becomes_an_error_with_the_text_as_evidence(text, code):
    error = failure_of(Outcome(2, text), ["demo"], Sources())
    assert (error.code, error.evidence) == (code, text)
    assert error.hint


# --- several processes ----------------------------------------------------------------------------


@pytest.fixture
def worker(wheels, tmp_path):
    """`worker('install')` is a worker's process with a data folder and database of its own."""
    variables = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "SLIPWAY_DATA": str(tmp_path / "shared"),
        "SLIPWAY_WHEELS": str(wheels),
        "SLIPWAY_OFFLINE": "true",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'shared' / 'db.sqlite3'}",
    }
    started = []

    def start(verb):
        command = [sys.executable, "-u", "-m", "tests.registry.install_elsewhere", verb]
        process = subprocess.Popen(
            command,
            env=variables,
            cwd=django_settings.BASE_DIR,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ended(process) -> str:
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, output
    return output


def environment_folders(tmp_path) -> list[str]:
    names = [path.name for path in (tmp_path / "shared" / "environments").iterdir()]
    return sorted(name for name in names if not name.endswith(".lock"))


def test_two_workers_at_once_make_one_environment(worker, tmp_path):
    ended(worker("define"))
    outputs = [ended(process) for process in [worker("install"), worker("install")]]
    assert sum("Installing the locked packages" in output for output in outputs) == 1
    assert len(environment_folders(tmp_path)) == 1


def test_a_worker_killed_in_the_middle_leaves_nothing_half_made(worker, tmp_path):
    ended(worker("define"))
    doomed = worker("hang")
    for line in doomed.stdout:
        if "half installed" in line:
            break
    orphans = psutil.Process(doomed.pid).children(recursive=True)
    os.kill(doomed.pid, signal.SIGKILL)
    doomed.wait()
    assert [name.endswith(".draft") for name in environment_folders(tmp_path)] == [True]
    try:
        assert "Installing the locked packages" in ended(worker("install"))  # while what it started still runs
    finally:
        for orphan in orphans:
            with contextlib.suppress(psutil.NoSuchProcess):  # on a busy machine it may have ended
                orphan.kill()
    (made,) = environment_folders(tmp_path)
    assert not made.endswith(".draft")
    python = tmp_path / "shared" / "environments" / made / "bin" / "python"
    assert subprocess.run([python, "-c", "import demo, demo_helper, demo_runtime"], check=False).returncode == 0


# --- the real thing -------------------------------------------------------------------------------


def test_the_scoring_servers_own_requirements_can_be_installed(workspace, bob, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    environment = environments.define(
        workspace=workspace, actor=bob, name="plain", python_version="3.11", requirements=[]
    )
    try:
        environments.install(environment, io.StringIO())
    except IndexAway as away:
        pytest.skip(f"no package index can be reached: {away.evidence[:200]}")
    assert answers(environment, "import httptools, msgspec, numpy, orjson, psutil, uvloop; print('all')") == "all"
    assert Environment.objects.get(pk=environment.pk).lock.count("==") >= 6
