"""Collection of unused files: what is removed, what is kept, and recovery after a crash."""

import os
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.utils import timezone

from deployments.builds import builds
from deployments.collection import collect, remove
from deployments.models import BuiltBundle, Collection, Revision, Service
from deployments.recipe.build_paths import bundle_path, bundles_folder
from deployments.targets import scoring_library
from registry.environments import built
from registry.environments.paths import environment_path
from registry.models import Artifact, BuiltEnvironment, Upload
from registry.store import artifacts
from studio.activity.models import Event
from studio.core.atomic_folders import exclusive
from studio.core.job_runner import run_job
from tests.deployments.service_factories import build_of, deploy, run_build
from tests.registry.factories import make_artifact, make_upload, make_version, onnx_bytes

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("wheels")]
LONG = timedelta(days=30)
VISITS = 8  # until an update has taken over and the revision before it has ended


def bundle_of(service, number=1):
    return bundle_path(service.revisions.get(number=number).content_hash)


def update(workspace, bob, fake, name="iris"):
    """A new revision with a model of its own that is built and serves."""
    version = make_version(workspace, name)
    service = deploy(workspace, bob, version, name=name, built=False, overwrite=True)
    assert run_build(service).state == "succeeded"
    fake.visit(service, VISITS)
    return service


def age_rows():
    """Make every last use a month ago."""
    ago = timezone.now() - LONG
    BuiltBundle.objects.update(last_used_at=ago)
    BuiltEnvironment.objects.update(last_used_at=ago)
    Artifact.objects.update(touched_at=ago)
    Upload.objects.update(touched_at=ago)


def collected(*, dry_run=False):
    """Kind and name of what a collection removes."""
    done = collect.collect_now(dry_run=dry_run)
    assert (done.state, done.problems) == ("succeeded", [])
    return [(item["kind"], item["name"]) for item in done.items]


@pytest.fixture
def updated(workspace, bob, iris, fake):
    """A service with seven revisions, the newest five of which people may roll back to."""
    service = deploy(workspace, bob, iris, built=False, target=fake.target)
    run_build(service)
    fake.visit(service, VISITS)
    for _ in range(6):
        update(workspace, bob, fake)
    service.refresh_from_db()
    age_rows()
    return service


def test_bundles_of_old_revisions_are_removed_and_of_the_newest_kept(updated):
    assert len(collected()) == 2
    assert [bundle_of(updated, number).exists() for number in range(1, 8)] == [False] * 2 + [True] * 5
    assert BuiltBundle.objects.count() == 5
    assert collected() == []


def test_preview_lists_the_same_and_removes_nothing(updated):
    preview = collect.collect_now(dry_run=True)
    assert BuiltBundle.objects.count() == 7
    assert not Event.objects.filter(action="collection.completed").exists()
    done = collect.collect_now(dry_run=False)
    assert (preview.items, preview.freed_bytes, preview.count) == (done.items, done.freed_bytes, done.count)
    assert done.kinds == {"bundle": {"count": 2, "bytes": done.freed_bytes}}
    assert done.freed_bytes > 0


def test_removals_are_recorded_as_events(updated, bob):
    made = collect.request_collection(bob, dry_run=False)
    run_job("collection", made.pk)
    made.refresh_from_db()
    event = Event.objects.get(action="collection.completed")
    assert (event.actor, event.details["count"], event.details["freed_bytes"]) == (bob, 2, made.freed_bytes)


def test_bundle_of_an_old_serving_revision_is_kept(updated):
    updated.traffic.update(revision=updated.revisions.get(number=1))
    collected()
    assert [bundle_of(updated, number).exists() for number in (1, 2)] == [True, False]


def test_bundle_of_the_wanted_revision_of_a_stopped_service_is_kept(updated):
    Service.objects.update(wanted_revision=1)
    collected()
    assert [bundle_of(updated, number).exists() for number in (1, 2)] == [True, False]


def test_collected_content_is_built_again_when_deployed(updated, workspace, bob, iris):
    collected()
    again = deploy(workspace, bob, iris, name="again", built=False)
    assert build_of(again).state == "queued"
    assert run_build(again).state == "succeeded"
    assert bundle_of(again).is_dir()


def test_content_used_meanwhile_is_kept(updated):
    """Between the choice and the removal an equal content is deployed, which finds it built."""
    chosen, first = collect._removable(touch=False), updated.revisions.get(number=1)
    assert builds.use_built(first)
    removed = {each.content: remove.remove(each) for each in chosen}
    assert removed == {first.content_hash: False, updated.revisions.get(number=2).content_hash: True}
    assert [bundle_of(updated, number).exists() for number in (1, 2)] == [True, False]


def test_content_being_built_is_kept(updated):
    first, second = collect._removable(touch=False)
    with exclusive(bundle_path(first.content)):
        assert [remove.remove(first), remove.remove(second)] == [False, True]
    assert bundles_folder().joinpath(first.key).exists()


@pytest.mark.parametrize("killed_in", ["set_aside", "_discard"])
def test_interrupted_removal_is_finished_by_the_next_collection(updated, monkeypatch, killed_in):
    """Before the folder is renamed, and before it is removed: nothing counts as built in either case."""

    def die(*_):
        raise KeyboardInterrupt

    begun = updated.revisions.get(content_hash=collect._removable(touch=False)[0].content)
    with monkeypatch.context() as patched:
        patched.setattr(remove, killed_in, die)
        with pytest.raises(KeyboardInterrupt):
            collect.collect_now(dry_run=False)
    assert not builds.use_built(begun)
    collected()
    assert BuiltBundle.objects.count() == 5
    assert not list(bundles_folder().glob(".*.removed"))
    assert len(list(bundles_folder().glob("[!.]*"))) == 5


def test_unused_environment_is_removed_after_a_week(workspace, bob, fake, script_config, pickled):
    service = deploy(workspace, bob, pickled, config=script_config("demo"), built=False, target=fake.target)
    run_build(service)
    environment = service.revisions.get().config.environment
    age_rows()
    assert collected() == []
    Revision.objects.all().delete()
    age_rows()
    BuiltEnvironment.objects.update(last_used_at=timezone.now() - timedelta(days=6))
    assert [kind for kind, _ in collected()] == ["bundle"]
    age_rows()
    assert ("environment", environment.definition_hash[:12]) in collected()
    assert not environment_path(environment.definition_hash).exists()
    environment.refresh_from_db()
    assert built.state_of(environment)[0] == "locked"


def test_bundle_of_an_earlier_release_is_removed_with_its_link(updated):
    content = updated.revisions.get(number=1).content_hash
    bundle_path(content).rename(bundle_path("old-name"))
    bundle_path(content).symlink_to("old-name")
    BuiltBundle.objects.filter(content_hash=content).update(place="old-name")
    collected()
    assert not bundle_path("old-name").exists()
    assert not bundle_path(content).is_symlink()


def test_unused_uploads_artifacts_and_drafts_are_removed(workspace, bob):
    make_upload(workspace, bob, content=b"forgotten")
    make_artifact(b"unused")
    version = make_version(workspace, user=bob, files={"model.onnx": onnx_bytes()})
    draft = artifacts.incoming() / "died.draft"
    draft.write_bytes(b"12")
    os.utime(draft, (0, 0))
    age_rows()
    first = collected()
    assert sorted(kind for kind, _ in first) == ["artifact", "draft", "upload"]
    assert [kind for kind, _ in collected()] == ["artifact"]  # which only the upload had
    assert Artifact.objects.get().pk == version.files.get().artifact_id


def test_copies_of_the_scoring_package_are_removed_unless_in_use(settings):
    used, unused = scoring_library.folder() / "used", scoring_library.folder() / "unused"
    for copy in (used, unused):
        copy.mkdir(parents=True)
        os.utime(copy, (0, 0))
    current = scoring_library.scoring_library(django_settings.BASE_DIR / "scoring", scoring_library.folder())
    os.utime(current, (0, 0))
    program = "print('up', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(used)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == b"up\n"
        assert collected() == [("library", "unused")]
        process.communicate(b"\n")
    assert current.exists()
    assert collected() == [("library", "used")]


def test_failed_removal_is_reported_and_the_others_continue(updated, monkeypatch):
    discard, refused = remove._discard, []

    def refuse_once(folder):
        if refused:
            return discard(folder)
        refused.append(folder)
        raise PermissionError("not yours")

    monkeypatch.setattr(remove, "_discard", refuse_once)
    done = collect.collect_now(dry_run=False)
    assert done.state == "succeeded"
    assert done.count == 1
    assert "not yours" in done.problems[0]


def test_failed_collection_has_an_error(monkeypatch, caplog):
    monkeypatch.setattr(collect.stored, "revisions", lambda: 1 / 0)
    done = collect.collect_now(dry_run=False)
    assert (done.state, done.error["turn"]) == ("failed", "us")
    assert "ZeroDivisionError" in caplog.text


def test_scheduler_starts_one_collection_a_day(enqueued, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        collect.collect_daily()
        collect.collect_daily()
    assert [kind for kind, _ in enqueued] == ["collection"]
    collect.request_collection(None, dry_run=True)
    Collection.objects.update(created_at=timezone.now() - timedelta(days=1, seconds=1))
    collect.collect_daily()
    assert Collection.objects.count() == 3


def test_command_prints_a_table_and_the_total(updated, capsys):
    call_command("collect", "--dry-run")
    *rows, last = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == ["bundle", "bundle"]
    assert last.startswith("2 unused items would be removed, which would free ")
    assert BuiltBundle.objects.count() == 7
