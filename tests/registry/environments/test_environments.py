"""Environments: defined, found, locked with hashes, installed."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from registry.environments import built, environments
from registry.environments.paths import environment_log_path, environment_path, is_installed, python_path
from registry.environments.uv_failures import IndexUnreachable
from registry.models import Environment
from studio.activity.models import Event
from studio.core.errors import BadInput, NotFound
from tests.registry.wheels import make_wheel

pytestmark = pytest.mark.django_db


def answers(environment, code):
    return subprocess.run(
        [python_path(environment.definition_hash), "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_versions_count_from_one(define):
    assert [str(define("a")), str(define("b")), str(define("a", name="other"))] == ["demo:1", "demo:2", "other:1"]


def test_unchanged_definition_creates_no_new_version(define):
    first = define("Demo>=1")
    assert define("demo >= 1", "# a comment") == first
    assert Event.objects.filter(action="environment.created").count() == 1


def test_provided_packages_stay_in_the_definition_and_out_of_its_hash(define):
    plain, listed = define("demo"), define("demo", "azureml-defaults")
    assert (str(plain), str(listed)) == ("demo:1", "demo:2")
    assert listed.requirements == ["demo", "azureml-defaults"]
    assert listed.definition_hash == plain.definition_hash
    assert define("azureml-defaults", "demo") == listed


def test_python_missing_from_this_machine_is_rejected_in_the_definition(define):
    with pytest.raises(BadInput, match=r"Python 3\.6\.2 is not installed on this machine; these are: \d") as refused:
        define("demo", python="3.6.2")
    assert (refused.value.code, refused.value.field) == ("python_missing", "python_version")
    assert not Environment.objects.exists()


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
    assert built.state_of(environment) == ("ready", "ok")
    assert environments.lock(environment) == ""
    environments.install(environment, io.StringIO())
    assert python_path(environment.definition_hash) == Path(sys.executable)


# --- lock and install -----------------------------------------------------------------------------


def test_provided_packages_are_not_installed_and_are_reported(wheels, define):
    environment, log = define("azureml-defaults[x]>=1.0", "demo"), io.StringIO()
    environments.install(environment, log)
    environment.refresh_from_db()
    assert "azureml" not in environment.lock
    assert answers(environment, "import demo; print('here')") == "here"
    told = "azureml-defaults[x]>=1.0 is not installed: the scoring server's own modules take the place"
    assert told in log.getvalue()
    assert told in environment_log_path(environment.definition_hash).read_text()


def test_an_environment_is_locked_with_hashes_and_installed(wheels, define):
    environment, log = define("demo"), io.StringIO()
    assert built.state_of(environment) == ("not made yet", "idle")
    folder = environments.install(environment, log)
    assert folder == environment_path(environment.definition_hash)
    assert built.state_of(environment) == ("ready", "ok")
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


def test_environment_with_an_uninstalled_python_is_reinstalled_from_its_lock(wheels, define):
    environment = define("demo")
    folder = environments.install(environment, io.StringIO())
    make_wheel(wheels, "demo-helper", "3.0")
    (folder / "bin" / "python").unlink()
    assert not is_installed(environment.definition_hash)
    environments.install(environment, io.StringIO())
    assert answers(environment, "import demo_helper; print(demo_helper.VERSION)") == "2.0"


def test_environment_is_installed_offline_from_wheels_and_cache(wheels, define, settings, monkeypatch):
    settings.SLIPWAY = settings.SLIPWAY | {"OFFLINE": False}
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    log = io.StringIO()
    environments.install(define("demo"), log)
    assert "trying with what this machine has" in log.getvalue()


def test_the_scoring_servers_own_requirements_can_be_installed(workspace, bob, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    environment = environments.define(
        workspace=workspace, actor=bob, name="plain", python_version="3.11", requirements=[]
    )
    try:
        environments.install(environment, io.StringIO())
    except IndexUnreachable as away:
        pytest.skip(f"no package index can be reached: {away.evidence[:200]}")
    assert answers(environment, "import httptools, msgspec, numpy, orjson, psutil, uvloop; print('all')") == "all"
    assert Environment.objects.get(pk=environment.pk).lock.count("==") >= 6
