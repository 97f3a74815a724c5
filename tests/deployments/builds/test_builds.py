"""Building: what a build makes, what it reuses, how it fails."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from deployments.builds import builds, bundles
from deployments.models import Build, BuiltBundle
from deployments.recipe.build_paths import bundle_path
from registry.store import artifacts
from scoring.contract import Bundle
from studio.activity.models import Event
from studio.core.errors import SlipwayError
from studio.core.job_runner import run_job
from tests.conftest import require
from tests.deployments.service_factories import SCRIPT_OF_DEMO, actions, build_of, deploy, run_build
from tests.registry.factories import make_version, onnx_bytes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("wheels")]
FULL_DISK = Path("/dev/full")


# --- what a build makes ---------------------------------------------------------------------------


def test_a_deployment_enqueues_its_build(workspace, bob, iris, fake, enqueued, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        service = deploy(workspace, bob, iris, built=False, target=fake.target)
    assert ("build", build_of(service).pk) in enqueued


def test_a_model_without_code_gets_a_bundle_and_no_environment(workspace, bob, iris, fake, settings):
    service = deploy(workspace, bob, iris, built=False, target=fake.target)
    build = run_build(service)
    assert (build.state, build.progress, build.error) == ("succeeded", 1, None)
    folder = settings.DATA_DIR / "bundles" / build.revision.content_hash
    assert (folder / "models" / "iris" / "1" / "model.onnx").read_bytes()
    contents = json.loads((folder / "bundle.json").read_text())
    assert contents["kind"] == "no_code"
    assert contents["models"][0]["path"] == "models/iris/1"
    assert contents["models"][0]["signature"]["inputs"][0]["name"] == "x"
    assert contents["models"][0]["file"] == "model.onnx"
    assert not (settings.DATA_DIR / "environments").exists()


def test_bundle_names_the_main_onnx_file_of_the_inspection(workspace, bob, fake, settings):
    files = {"b.onnx": onnx_bytes(), "a.onnx": onnx_bytes()}
    version = make_version(workspace, "pair", files=files, facts={"main_file": "b.onnx"})
    build = run_build(deploy(workspace, bob, version, built=False, target=fake.target))
    folder = settings.DATA_DIR / "bundles" / build.revision.content_hash
    assert json.loads((folder / "bundle.json").read_text())["models"][0]["file"] == "b.onnx"


def test_bundle_of_an_entry_script_has_its_environment_and_source(scripted, settings):
    build = run_build(scripted)
    assert build.state == "succeeded", build.error
    folder = settings.DATA_DIR / "bundles" / build.revision.content_hash
    assert (folder / "source" / "score.py").read_bytes() == SCRIPT_OF_DEMO
    assert (folder / "source" / "labels" / "names.txt").read_text() == "setosa"
    bundle = bundles.msgspec.json.decode((folder / "bundle.json").read_bytes(), type=Bundle)
    assert (bundle.kind, bundle.entry_script) == ("entry_script", "score.py")
    python = settings.DATA_DIR / "environments" / build.revision.config.environment.definition_hash / "bin/python"
    assert subprocess.run([python, "-c", "import demo"], check=False).returncode == 0
    log = builds.log_path(build).read_text()
    assert "Installing the locked packages" in log
    assert log.endswith("Built.\n")


def test_script_finds_files_with_and_without_the_registered_folder_name(workspace, bob, fake, script_config, settings):
    files = {"f.pkl": b"f", "sub/x.txt": b"x", "model/y.txt": b"y"}
    version = make_version(workspace, "m", files=files, folder="model")
    service = deploy(workspace, bob, version, built=False, config=script_config("demo"), target=fake.target)
    build = run_build(service)
    bundle = settings.DATA_DIR / "bundles" / build.revision.content_hash
    root = bundle / "models/m/1"
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert found == files | {f"model/{path}": content for path, content in files.items()}
    assert not [path for path in root.rglob("*") if path.is_symlink()], "whoever follows links comes to an end"
    assert json.loads((bundle / "bundle.json").read_text())["models"][0]["folder"] == "model"


def test_script_without_a_registered_model_has_an_empty_models_folder(workspace, bob, fake, script_config, settings):
    service = deploy(workspace, bob, config=script_config(), target=fake.target, built=False)
    assert run_build(service).state == "succeeded"
    bundle = settings.DATA_DIR / "bundles" / service.revisions.get().content_hash
    assert list((bundle / "models").iterdir()) == []
    assert (bundle / "source" / "score.py").is_file()


def test_files_of_a_no_code_model_are_stored_once_in_its_bundle(workspace, bob, fake, settings):
    version = make_version(workspace, "m", files={"model.onnx": onnx_bytes()}, folder="model")
    build = run_build(deploy(workspace, bob, version, built=False, target=fake.target))
    root = settings.DATA_DIR / "bundles" / build.revision.content_hash / "models/m/1"
    assert [path.name for path in root.rglob("*")] == ["model.onnx"]


def test_bundle_uses_symbolic_links_where_hard_links_are_impossible(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/x").write_text("x")
    monkeypatch.setattr(bundles.os, "link", lambda *_: os.open("/", os.O_WRONLY))
    bundles._offer_below("model", ["sub/x"], tmp_path)
    assert (tmp_path / "model/sub/x").read_text() == "x"


def test_files_of_a_bundle_are_read_only(scripted, settings):
    build = run_build(scripted)
    folder = settings.DATA_DIR / "bundles" / build.revision.content_hash
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "bundle.json"]
    assert len(files) == 3
    assert not [path for path in files if path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)]


def test_built_revision_becomes_healthy(scripted):
    run_build(scripted)
    scripted.refresh_from_db()
    assert scripted.traffic.get().revision.number == 1
    assert actions(scripted) == ["deployed", "build_succeeded", "revision_activated"]


# --- reuse ----------------------------------------------------------------------------------------


def test_equal_content_is_not_built_again(workspace, bob, fake, scripted, pickled):
    run_build(scripted)
    again = deploy(
        workspace, bob, pickled, name="again", built=False, config=scripted.revisions.get().config, target=fake.target
    )
    build = build_of(again)
    assert (build.state, build.attempt) == ("succeeded", 0)
    fake.visit(again)
    assert again.traffic.get().revision == build.revision


@pytest.mark.parametrize(
    "options", [{"cpu": 2}, {"environment_variables": {"COLOUR": "red"}}, {"server": {"queue_limit": 9}}]
)
def test_update_of_options_builds_nothing(workspace, bob, fake, scripted, pickled, options):
    first, config = run_build(scripted), scripted.revisions.get().config
    updated = deploy(
        workspace, bob, pickled, name="scripted", built=False, config=config, deployment_config=options, overwrite=True
    )
    build = build_of(updated)
    assert (build.state, build.attempt, build.revision.number) == ("succeeded", 0, 2)
    assert build.revision.content_hash == first.revision.content_hash
    assert build.revision.revision_hash != first.revision.revision_hash


def test_bundle_has_a_row_with_its_size_and_digest(workspace, bob, fake, scripted):
    build = run_build(scripted)
    row = BuiltBundle.objects.get()
    folder = bundle_path(build.revision.content_hash)
    assert (row.content_hash, row.place) == (build.revision.content_hash, folder.name)
    assert row.size_bytes == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert len(row.digest) == 64


def test_a_bundle_without_a_row_is_adopted_by_the_next_build(workspace, bob, fake, scripted, pickled):
    """The worker died between the folder and the row."""
    run_build(scripted)
    row = BuiltBundle.objects.get()
    made = bundle_path(row.content_hash).stat().st_mtime_ns
    BuiltBundle.objects.all().delete()
    again = deploy(
        workspace, bob, pickled, name="again", built=False, config=scripted.revisions.get().config, target=fake.target
    )
    assert build_of(again).state == "queued"
    assert run_build(again).state == "succeeded"
    assert BuiltBundle.objects.get().digest == row.digest
    assert bundle_path(row.content_hash).stat().st_mtime_ns == made


def test_bundle_being_removed_is_built_again(workspace, bob, fake, scripted, pickled):
    run_build(scripted)
    BuiltBundle.objects.update(removing_at=timezone.now())
    again = deploy(
        workspace, bob, pickled, name="again", built=False, config=scripted.revisions.get().config, target=fake.target
    )
    assert build_of(again).state == "queued"
    assert run_build(again).state == "succeeded"
    assert BuiltBundle.objects.get().removing_at is None


def test_content_missing_from_disk_is_rebuilt_once(scripted, settings):
    first = run_build(scripted)
    for lost in ("bundles", "environments"):
        os.rename(settings.DATA_DIR / lost, settings.DATA_DIR / f"lost-{lost}")
    builds.build_again(first.revision)
    builds.build_again(first.revision)
    assert scripted.revisions.get().builds.count() == 2
    assert not builds.use_built(first.revision)
    again = run_build(scripted)
    assert (again.state, again.pk > first.pk) == ("succeeded", True)
    assert bundle_path(first.revision.content_hash).is_dir()
    assert builds.use_built(first.revision)


def test_dangling_link_to_a_bundle_of_an_earlier_release_is_replaced(scripted):
    revision = build_of(scripted).revision
    link = bundle_path(revision.content_hash)
    link.parent.mkdir(parents=True)
    link.symlink_to("gone")
    assert run_build(scripted).state == "succeeded"
    assert not link.is_symlink()
    assert (link / "bundle.json").exists()


def test_failed_rebuild_is_not_repeated_forever(scripted, settings, monkeypatch):
    first = run_build(scripted)
    os.rename(settings.DATA_DIR / "bundles", settings.DATA_DIR / "lost")
    builds.build_again(first.revision)
    monkeypatch.setattr(builds, "make_bundle", lambda *_: 1 / 0)
    assert run_build(scripted).state == "failed"
    builds.build_again(first.revision)
    assert first.revision.builds.count() == 2


def test_build_leased_by_another_worker_is_skipped(scripted, settings):
    build = build_of(scripted)
    assert build.claim(60)
    run_job("build", build.pk)
    assert not (settings.DATA_DIR / "bundles").exists()
    build.refresh_from_db()
    assert (build.state, build.attempt) == ("running", 1)


def test_finished_or_deleted_build_is_skipped(scripted):
    build = run_build(scripted)
    run_job("build", build.pk)
    run_job("build", build.pk + 1000)
    build.refresh_from_db()
    assert build.attempt == 1


# --- failure --------------------------------------------------------------------------------------


def test_a_build_fails_with_cause_next_step_and_evidence(workspace, bob, fake, pickled, script_config):
    service = deploy(
        workspace, bob, pickled, name="broken", built=False, config=script_config("absent-package"), target=fake.target
    )
    build = run_build(service)
    assert build.state == "failed"
    assert build.error["code"] == "package_unknown"
    assert "absent-package" in build.error["message"]
    assert build.error["hint"]
    assert "absent-package" in build.error["evidence"]
    assert build.error["message"] in builds.log_path(build).read_text()
    service.refresh_from_db()
    assert (service.phase, service.cause["code"]) == ("Failed", "package_unknown")
    assert actions(service)[-2:] == ["build_failed", "state_changed"]
    assert Event.objects.get(action="service.build_failed").details["code"] == "package_unknown"
    assert not service.traffic.exists()


def model_of(service):
    """The artifact of the demo's model."""
    return service.revisions.get().models.get().version.files.get().artifact


def test_missing_artifact_is_named(scripted):
    artifacts.local_path(model_of(scripted).digest).unlink()
    build = run_build(scripted)
    assert build.error["code"] == "file_lost"
    assert "model.pkl" in build.error["message"]


def test_damaged_artifact_is_not_bundled(scripted, settings, rot):
    rot(model_of(scripted))
    build = run_build(scripted)
    assert build.error["code"] == "file_damaged"
    assert "model.pkl" in build.error["message"]
    assert not (settings.DATA_DIR / "bundles" / build.revision.content_hash).exists()


def test_writing_into_a_bundle_does_not_change_the_store(scripted, settings):
    build = run_build(scripted)
    bundle = settings.DATA_DIR / "bundles" / build.revision.content_hash
    stored = artifacts.local_path(model_of(scripted).digest)
    before = stored.read_bytes()
    for path in bundle.rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(b"written by a script")
    assert stored.read_bytes() == before


def test_unexpected_error_fails_the_build_with_a_cause(scripted, monkeypatch, caplog):
    monkeypatch.setattr(builds, "make_bundle", lambda *_: 1 / 0)
    build = run_build(scripted)
    assert (build.state, build.error["code"]) == ("failed", "build_failed")
    assert "ZeroDivisionError" in build.error["evidence"]
    assert "Traceback" in caplog.text


@pytest.fixture
def plain(workspace, bob, iris, fake):
    """A deployed service without code, not yet built: its build takes milliseconds."""
    return deploy(workspace, bob, iris, built=False, target=fake.target)


@pytest.mark.postgres
def test_error_of_a_failed_build_is_storable_on_postgres(plain, monkeypatch):
    if connection.vendor != "postgresql":
        require("postgres", "the suite runs on another database")

    def crash(*_):
        raise SlipwayError("The installer crashed: \0", evidence="\0")

    monkeypatch.setattr(builds, "make_bundle", crash)
    build = run_build(plain)
    assert (build.state, build.error["evidence"]) == ("failed", "\N{REPLACEMENT CHARACTER}")
    assert "build_failed" in actions(plain)


@pytest.fixture
def full_disk_under_the_log(monkeypatch):
    if not FULL_DISK.exists():
        pytest.skip(f"{FULL_DISK} is a device of Linux")
    monkeypatch.setattr(builds, "log_path", lambda build: FULL_DISK)


@pytest.mark.usefixtures("full_disk_under_the_log")
def test_build_without_space_for_its_log_fails_with_a_cause(plain):
    build = run_build(plain)
    assert (build.state, build.error["code"]) == ("failed", "disk_full")
    assert "build_failed" in actions(plain)


@pytest.mark.usefixtures("full_disk_under_the_log")
def test_second_attempt_succeeds_without_space_for_its_log(plain, monkeypatch):
    monkeypatch.setattr(builds, "_steps", lambda *_: None)
    Build.objects.update(attempt=1)
    build = run_build(plain)
    assert (build.state, build.attempt) == ("succeeded", 2)
    assert actions(plain)[-1] == "revision_activated"


def test_failed_revision_can_be_built_again(scripted, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(builds, "make_bundle", lambda *_: 1 / 0)
        assert run_build(scripted).state == "failed"
    builds.build_for(scripted.revisions.get())
    assert run_build(scripted).state == "succeeded"
    assert scripted.traffic.exists()
