"""Environments that cannot be locked or installed: the error, its next step, and what is left on disk."""

import io
import subprocess
import sys
import time

import pytest

from registry.environments import built, environments, uv
from registry.environments.paths import environment_path
from registry.environments.uv import Outcome, Sources
from registry.environments.uv_failures import failure_of
from studio.core.errors import SlipwayError
from tests.registry.wheels import make_wheel

pytestmark = pytest.mark.django_db


def fails(environment) -> SlipwayError:
    log = io.StringIO()
    with pytest.raises(SlipwayError) as failed:
        environments.install(environment, log)
    assert failed.value.message in log.getvalue()
    assert not environment_path(environment.definition_hash).exists()
    assert not list(environment_path(environment.definition_hash).parent.glob("*.draft"))
    assert built.state_of(environment) == ("last try failed", "bad")
    return failed.value


@pytest.fixture
def index(wheels, settings, tmp_path, monkeypatch):
    """A package index in place of the folder, with the same wheels."""
    pages = tmp_path / "simple"
    for wheel in wheels.glob("*.whl"):
        page = pages / wheel.name.split("-")[0].replace("_", "-") / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        with page.open("a") as text:
            text.write(f'<a href="{wheel.as_uri()}">{wheel.name}</a><br>\n')
    settings.SLIPWAY = settings.SLIPWAY | {"WHEELS": "", "OFFLINE": False}
    monkeypatch.setenv("UV_DEFAULT_INDEX", pages.as_uri())


def test_conflicting_requirements_are_named(index, define):
    error = fails(define("demo", "demo-helper<1"))
    assert (error.code, error.turn) == ("environment_unsolvable", "user")
    assert error.message.startswith("No set of package versions satisfies these requirements together")
    assert "demo-helper<1" in error.message
    assert "No solution found" in error.evidence


def test_package_that_the_index_does_not_have_is_named(index, define):
    error = fails(define("demo", "absent-package"))
    assert (error.code, error.message) == ("package_unknown", "The package index knows no package absent-package.")


def test_version_that_the_index_does_not_have_is_named(index, define):
    assert "demo==9" in fails(define("demo==9")).message


@pytest.mark.parametrize(
    ("requirements", "named"),
    [
        (["demo", "absent-package"], "absent-package"),
        (["demo==9"], "demo==9"),
        (["demo", "demo-helper<1"], "demo-helper<1"),
        (["demo>=2"], "demo"),
    ],
)
def test_what_the_wheel_folder_lacks_is_for_want_of_a_network_and_no_conflict(wheels, define, requirements, named):
    error = fails(define(*requirements))
    assert error.code == "package_unknown"
    assert error.message.startswith("There is no network")
    assert named in error.message
    assert str(wheels) in error.hint


def test_wheel_that_is_gone_from_the_folder_at_the_installation_is_for_want_of_a_network(
    wheels, define, tmp_path, monkeypatch
):
    environment = define("demo")
    environments.lock(environment)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another-cache"))
    (wheels / "demo_helper-2.0-py3-none-any.whl").unlink()
    error = fails(environment)
    assert error.code == "package_unknown"
    assert error.message.startswith("There is no network")
    assert "demo-helper==2.0" in error.message


def test_uninstalled_python_is_reported_with_the_installed_ones(wheels, define):
    environment = define("demo")
    environment.python_version = "3.99"
    error = fails(environment)
    assert error.code == "python_missing"
    assert f"these are: {'.'.join(map(str, sys.version_info[:3]))}" in error.message


def test_file_replaced_after_locking_is_rejected_by_its_hash(wheels, define, tmp_path, monkeypatch):
    environment = define("demo")
    environments.lock(environment)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "another-cache"))
    make_wheel(wheels, "demo", needs=("demo-helper>=1",), code="print('tampered with')\n")
    error = fails(environment)
    assert error.code == "hash_mismatch"
    assert "demo==1.0" in error.message


@pytest.fixture
def source_package(wheels):
    """`demo-broken`, which has no wheel; where its build script has run, it left the file that this gives."""
    broken, ran = "demo_broken-1.0", wheels.parent / "ran"
    (wheels.parent / broken).mkdir()
    (wheels.parent / broken / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: demo-broken\nVersion: 1.0\n")
    (wheels.parent / broken / "setup.py").write_text(f"open({str(ran)!r}, 'w').close()\nraise SystemExit(3)\n")
    subprocess.run(["tar", "-czf", wheels / f"{broken}.tar.gz", "-C", wheels.parent, broken], check=True)
    wheels.chmod(0o755)  # builds may run as another user
    for wheel in wheels.iterdir():
        wheel.chmod(0o644)
    return ran


def test_a_source_package_that_cannot_be_built_is_named(source_package, define):
    error = fails(define("demo-broken"))
    assert error.code == "package_unbuildable"
    assert "demo-broken" in error.message


def test_source_package_is_rejected_and_not_run_where_only_wheels_are_allowed(source_package, define, settings):
    settings.SLIPWAY = settings.SLIPWAY | {"WHEELS_ONLY": True}
    error = fails(define("demo-broken"))
    assert (error.code, source_package.exists()) == ("package_unbuildable", False)
    assert error.message == "The package demo-broken comes without a ready wheel, and this studio builds no packages."
    assert "SLIPWAY_WHEELS_ONLY" in error.hint


def test_wheels_are_installed_where_only_wheels_are_allowed(wheels, define, settings):
    settings.SLIPWAY = settings.SLIPWAY | {"WHEELS_ONLY": True}
    make_wheel(wheels, "demo")
    environments.install(define("demo"), io.StringIO())


def test_unreachable_index_is_not_reported_as_a_conflict(wheels, define, settings, monkeypatch):
    settings.SLIPWAY = settings.SLIPWAY | {"WHEELS": "", "OFFLINE": False}
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    error = fails(define("demo"))
    assert (error.code, error.retryable, error.turn) == ("index_unreachable", True, "us")
    assert "Nothing is known to be wrong with the requirements" in error.message
    assert "127.0.0.1:9" in error.evidence


def test_missing_wheel_folder_is_reported(define, settings, tmp_path):
    settings.SLIPWAY = settings.SLIPWAY | {"WHEELS": str(tmp_path / "nowhere")}
    settings.DATA_DIR = tmp_path
    with pytest.raises(SlipwayError, match="does not exist"):
        environments.install(define("demo"), io.StringIO())


def test_installation_is_ended_at_its_deadline(wheels, define, settings, monkeypatch):
    settings.SLIPWAY = settings.SLIPWAY | {"BUILD_SECONDS": 1}
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(uv, "compile_arguments", lambda *_, **__: sleep)
    began = time.monotonic()
    assert fails(define("demo")).code == "environment_timeout"
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("error: Failed to write\n  cause: No space left on device (os error 28)", "disk_full"),
        ("error: Failed to fetch: `x`\n  cause: dns error", "index_unreachable"),
        ("error: something nobody has seen", "environment_failed"),
    ],
)
def test_output_of_a_failed_run_is_the_evidence_of_its_error(text, code):
    error = failure_of(Outcome(2, text), ["demo"], Sources())
    assert (error.code, error.evidence) == (code, text)
    assert error.hint
