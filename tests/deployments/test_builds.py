import contextlib
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from datetime import timedelta

import psutil
import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from deployments import builds, bundles
from deployments.models import Build, Service
from registry import environments
from scoring.contract import Bundle
from studio.activity.models import Event
from studio.core import job_heartbeat
from tests.deployments.services import actions, deploy, make_config
from tests.registry.factories import make_version
from tests.registry.wheels import make_wheel, serve_wheels

pytestmark = pytest.mark.django_db
SCRIPT = b"import demo\n\ndef init(): ...\n\ndef run(data): return data\n"
SECONDS = 180  # a busy machine starts a process slowly


@pytest.fixture(autouse=True)
def wheels(tmp_path, settings, monkeypatch):
    """Everything lies in the test's own folder; packages come from a folder of tiny wheels."""
    folder = serve_wheels(tmp_path, settings, monkeypatch)
    make_wheel(folder, "demo")
    return folder


@pytest.fixture
def config(workspace, bob):
    def make(*requirements, script=SCRIPT):
        files = {"score.py": script, "labels/names.txt": b"setosa"}
        return make_config(workspace, bob, *(requirements or ["demo"]), files=files)

    return make


@pytest.fixture
def pickled(workspace):
    return make_version(workspace, "pickled", files={"model.pkl": b"pickle"}, framework="scikit-learn")


@pytest.fixture
def scripted(workspace, bob, fake, config, pickled):
    """A deployed service with an entry script, not yet built."""
    return deploy(workspace, bob, pickled, name="scripted", built=False, config=config(), target=fake.target)


def build_of(service: Service) -> Build:
    return service.revisions.get(number=service.last_revision).builds.latest("id")


def run(service: Service) -> Build:
    build = build_of(service)
    builds.run(build.pk)
    build.refresh_from_db()
    return build


# --- what a build makes ---------------------------------------------------------------------------


def test_a_deployment_rings_its_build(workspace, bob, iris, fake, rings, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        service = deploy(workspace, bob, iris, built=False, target=fake.target)
    assert ("deployments.tasks.run_build", (build_of(service).pk,)) in rings


def test_a_model_without_code_gets_a_bundle_and_no_environment(workspace, bob, iris, fake, settings):
    service = deploy(workspace, bob, iris, built=False, target=fake.target)
    build = run(service)
    assert (build.state, build.progress, build.error) == ("succeeded", 1, None)
    folder = settings.DATA_DIR / "bundles" / build.revision.recipe_hash
    assert (folder / "models" / "iris" / "1" / "model.onnx").read_bytes()
    contents = json.loads((folder / "bundle.json").read_text())
    assert contents["kind"] == "no_code"
    assert contents["models"][0]["path"] == "models/iris/1"
    assert contents["models"][0]["signature"]["inputs"][0]["name"] == "x"
    assert not (settings.DATA_DIR / "environments").exists()


def test_an_entry_script_gets_its_environment_and_source(scripted, settings):
    build = run(scripted)
    assert build.state == "succeeded", build.error
    folder = settings.DATA_DIR / "bundles" / build.revision.recipe_hash
    assert (folder / "source" / "score.py").read_bytes() == SCRIPT
    assert (folder / "source" / "labels" / "names.txt").read_text() == "setosa"
    bundle = bundles.msgspec.json.decode((folder / "bundle.json").read_bytes(), type=Bundle)
    assert (bundle.kind, bundle.entry_script) == ("entry_script", "score.py")
    python = settings.DATA_DIR / "environments" / build.revision.config.environment.definition_hash / "bin/python"
    assert subprocess.run([python, "-c", "import demo"], check=False).returncode == 0
    log = builds.log_path(build).read_text()
    assert "Installing the locked packages" in log
    assert log.endswith("Built.\n")


def test_the_files_of_a_bundle_cannot_be_written(scripted, settings):
    build = run(scripted)
    folder = settings.DATA_DIR / "bundles" / build.revision.recipe_hash
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "bundle.json"]
    assert len(files) == 3
    assert not [path for path in files if path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)]


def test_a_built_revision_answers(scripted):
    run(scripted)
    scripted.refresh_from_db()
    assert scripted.traffic.get().revision.number == 1
    assert actions(scripted) == ["deployed", "built", "revision_activated"]


# --- reuse ----------------------------------------------------------------------------------------


def test_an_equal_recipe_is_not_built_again(workspace, bob, fake, scripted, pickled, config):
    run(scripted)
    again = deploy(
        workspace, bob, pickled, name="again", built=False, config=scripted.revisions.get().config, target=fake.target
    )
    build = build_of(again)
    assert (build.state, build.attempt) == ("succeeded", 0)
    assert again.traffic.get().revision == build.revision


def test_a_recipe_whose_bundle_has_gone_is_built_again(workspace, bob, fake, scripted, pickled, settings):
    run(scripted)
    config = scripted.revisions.get().config
    os.rename(settings.DATA_DIR / "bundles", settings.DATA_DIR / "lost")
    again = deploy(workspace, bob, pickled, name="again", built=False, config=config, target=fake.target)
    assert build_of(again).state == "queued"
    assert run(again).state == "succeeded"


def test_a_build_that_somebody_works_on_is_left_alone(scripted, settings):
    build = build_of(scripted)
    assert build.claim(60)
    builds.run(build.pk)
    assert not (settings.DATA_DIR / "bundles").exists()
    build.refresh_from_db()
    assert (build.state, build.attempt) == ("running", 1)


def test_a_build_that_has_ended_or_gone_is_left_alone(scripted):
    build = run(scripted)
    builds.run(build.pk)
    builds.run(build.pk + 1000)
    build.refresh_from_db()
    assert build.attempt == 1


# --- failure --------------------------------------------------------------------------------------


def test_a_build_fails_with_cause_next_step_and_evidence(workspace, bob, fake, pickled, config, rings):
    service = deploy(
        workspace, bob, pickled, name="broken", built=False, config=config("absent-package"), target=fake.target
    )
    before = timezone.now()
    build = run(service)
    assert build.state == "failed"
    assert build.error["code"] == "package_unknown"
    assert "absent-package" in build.error["message"]
    assert build.error["hint"]
    assert "absent-package" in build.error["evidence"]
    assert build.error["message"] in builds.log_path(build).read_text()
    service.refresh_from_db()
    assert service.due_at >= before
    assert actions(service)[-1] == "build_failed"
    assert Event.objects.latest("id").details["code"] == "package_unknown"
    assert not service.traffic.exists()


def test_a_file_that_the_store_has_lost_is_named(scripted, monkeypatch):
    def lost(*_):
        raise FileNotFoundError

    monkeypatch.setattr("registry.artifacts.materialise", lost)
    build = run(scripted)
    assert build.error["code"] == "file_lost"
    assert "model.pkl" in build.error["message"]


def test_an_error_that_nobody_foresaw_fails_the_build_and_says_so(scripted, monkeypatch, caplog):
    monkeypatch.setattr(builds, "make_bundle", lambda *_: 1 / 0)
    build = run(scripted)
    assert (build.state, build.error["code"]) == ("failed", "build_failed")
    assert "ZeroDivisionError" in build.error["evidence"]
    assert "Traceback" in caplog.text


def test_after_a_failure_the_same_revision_can_be_built_again(scripted, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(builds, "make_bundle", lambda *_: 1 / 0)
        assert run(scripted).state == "failed"
    builds.build_for(scripted.revisions.get())
    assert run(scripted).state == "succeeded"
    assert scripted.traffic.exists()


# --- cancel, leases, lost workers -----------------------------------------------------------------


def test_a_waiting_build_can_be_cancelled(scripted, bob):
    build = build_of(scripted)
    assert builds.cancel(build, bob)
    assert not builds.cancel(build, bob)
    builds.run(build.pk)
    build.refresh_from_db()
    assert (build.state, build.error["code"], build.attempt) == ("cancelled", "build_cancelled", 0)
    assert actions(scripted)[-1] == "build_cancelled"


def test_a_build_that_is_cancelled_while_it_runs_lets_go(scripted, bob, monkeypatch, settings):
    def cancelled_meanwhile(environment, log, cancelled):
        builds.cancel(build_of(scripted), bob)

    monkeypatch.setattr(environments, "install", cancelled_meanwhile)
    build = run(scripted)
    assert build.state == "cancelled"
    assert not (settings.DATA_DIR / "bundles").exists()
    assert not scripted.traffic.exists()
    assert "cancelled or taken over" in builds.log_path(build).read_text()


def test_a_worker_that_was_overtaken_changes_nothing(scripted, monkeypatch):
    def overtaken(environment, log, cancelled):
        Build.objects.filter(revision__service=scripted).update(attempt=2)

    monkeypatch.setattr(environments, "install", overtaken)
    build = run(scripted)
    assert (build.state, build.attempt, build.step) == ("running", 2, "environment")
    assert not scripted.traffic.exists()


def test_the_second_attempt_goes_on_after_a_lost_worker(scripted):
    build = build_of(scripted)
    build.claim(60)
    builds.log_path(build).parent.mkdir(parents=True)
    builds.log_path(build).write_text("half a line of the first worker\n")
    Build.objects.filter(pk=build.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    build = run(scripted)
    assert (build.state, build.attempt) == ("succeeded", 2)
    log = builds.log_path(build).read_text()
    assert log.startswith("half a line of the first worker\n")
    assert "attempt 2 goes on" in log


def test_due_builds_are_rung_and_queued_ones_not_all_the_time(scripted, rings, django_capture_on_commit_callbacks):
    build = build_of(scripted)

    def rung():
        del rings[:]
        with django_capture_on_commit_callbacks(execute=True):
            builds.ring_due()
        return rings

    assert rung() == [("deployments.tasks.run_build", (build.pk,))]
    assert rung() == []
    build.refresh_from_db()
    assert build.claim(60)
    assert rung() == []
    Build.objects.filter(pk=build.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert rung() == [("deployments.tasks.run_build", (build.pk,))]


@pytest.mark.django_db(transaction=True)
def test_the_lease_is_renewed_while_the_work_blocks(scripted, monkeypatch):
    monkeypatch.setattr(job_heartbeat, "BEAT_SECONDS", 0.05)
    build = build_of(scripted)
    build.claim(1)
    first = build.lease_until
    with job_heartbeat.Heartbeat(build) as beating:
        beating.step("environment", 0.1)
        deadline = time.monotonic() + 10
        while not beating.is_lost() and time.monotonic() < deadline:
            time.sleep(0.1)
            lease = Build.objects.get(pk=build.pk).lease_until
            if lease and lease > first + timedelta(seconds=5):
                builds.cancel(build)
    assert beating.is_lost()


# --- a killed worker, for real --------------------------------------------------------------------


@pytest.fixture
def worker(tmp_path, wheels):
    """`worker('build')` runs builds in a process with a data folder and database of its own."""
    data = tmp_path / "shared"
    variables = os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "SLIPWAY_DATA": str(data),
        "SLIPWAY_WHEELS": str(wheels),
        "SLIPWAY_OFFLINE": "true",
        "DATABASE_URL": f"sqlite:///{data / 'db.sqlite3'}",
    }
    started = []

    def start(verb):
        command = [sys.executable, "-u", "-m", "tests.deployments.build_elsewhere", verb]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        started.append(subprocess.Popen(command, env=variables, cwd=django_settings.BASE_DIR, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ended(process) -> str:
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, output
    return output


def test_a_build_whose_worker_is_killed_is_finished_by_the_next_one(worker, tmp_path):
    ended(worker("deploy"))
    doomed = worker("hang")
    for line in doomed.stdout:
        if "half installed" in line:
            break
    orphans = psutil.Process(doomed.pid).children(recursive=True)
    os.kill(doomed.pid, signal.SIGKILL)
    doomed.wait()
    with contextlib.closing(sqlite3.connect(tmp_path / "shared" / "db.sqlite3", isolation_level=None)) as database:
        look = "SELECT state, attempt FROM deployments_build"
        assert database.execute(look).fetchall() == [("running", 1)]
        database.execute("UPDATE deployments_build SET lease_until = '2000-01-01 00:00:00'")
        try:
            ended(worker("build"))
        finally:
            for orphan in orphans:
                with contextlib.suppress(psutil.NoSuchProcess):  # on a busy machine it may have ended
                    orphan.kill()
        assert database.execute(look).fetchall() == [("succeeded", 2)]
    folders = (tmp_path / "shared" / "bundles").glob("[!.]*")
    assert [sorted(path.name for path in folder.iterdir()) for folder in folders] == [
        ["bundle.json", "models", "source"]
    ]
