"""Registering, editing and deleting versions."""

import functools
import os
import subprocess
import sys
import threading

import pytest
from django.conf import settings
from django.db import connection, connections

from registry.errors import InUse
from registry.models import Inspection, Model, ModelVersion, Tag, Upload, VersionState
from registry.versions import registration
from studio.activity.models import Event
from studio.core.errors import BadInput, Conflict, NotFound
from tests.registry.factories import make_upload, make_version, serve

pytestmark = pytest.mark.django_db


@pytest.fixture
def register(workspace, bob):
    def make(name="iris", *, files=None, **facts):
        files = {"model.onnx": b"graph"} if files is None else files
        sent = [make_upload(workspace, bob, path, content) for path, content in files.items()]
        return registration.register(workspace=workspace, actor=bob, name=name, files=sent, **facts)

    return make


def tags_of(version):
    return {tag.key: tag.value for tag in version.tags.all()}


def test_versions_count_from_one_for_each_name(register):
    assert [str(register()), str(register()), str(register("digits"))] == ["iris:1", "iris:2", "digits:1"]


def test_all_given_fields_are_stored(register, bob):
    version = register(
        files={"iris/model.onnx": b"graph", "iris/labels.txt": b"a\nb"},
        description="  Flowers.\r\nReal ones. ",
        tags=["area=vision", "note = two words ", "empty="],
        properties={"accuracy": 0.97, "trained_on": "2026-11-01"},
        framework="ScikitLearn",
        framework_version="1.9.1",
        cpu=0.5,
        memory_gb=2,
        gpu=1,
    )
    version.refresh_from_db()
    assert version.description == "Flowers.\nReal ones."
    assert tags_of(version) == {"area": "vision", "note": "two words", "empty": ""}
    assert version.properties == {"accuracy": 0.97, "trained_on": "2026-11-01"}
    assert (version.framework, version.declared_framework, version.framework_version) == (
        "scikit-learn",
        "scikit-learn",
        "1.9.1",
    )
    assert (version.cpu, version.memory_gb, version.gpu) == (0.5, 2, 1)
    assert [file.path for file in version.files.all()] == ["iris/labels.txt", "iris/model.onnx"]
    assert version.size == 8
    assert version.created_by == bob
    assert version.state == VersionState.UPLOADED


def test_registering_enqueues_the_inspection_and_records_an_event(
    register, enqueued, bob, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        version = register()
    inspection = Inspection.objects.get(version=version)
    assert enqueued == [("inspection", inspection.pk)]
    event = Event.objects.get(subject_id=str(version.pk))
    assert (event.action, event.actor, event.subject_label) == ("version.registered", bob, "iris:1")


def test_uploads_are_consumed(register, workspace, bob):
    sent = [make_upload(workspace, bob)]
    registration.register(workspace=workspace, actor=bob, name="iris", files=sent)
    assert not Upload.objects.exists()
    with pytest.raises(Conflict):
        registration.register(workspace=workspace, actor=bob, name="iris", files=sent)
    assert ModelVersion.objects.count() == 1
    assert Model.objects.get().last_number == 1


@pytest.mark.parametrize(
    ("facts", "field", "message"),
    [
        ({"tags": ["area"]}, "tags", "The tag 'area' has no '='."),
        ({"tags": ["area=a", "area=b"]}, "tags", "The tag 'area' is given twice."),
        ({"tags": ["=vision"]}, "tags", "'' cannot be a key."),
        ({"tags": {"two words": "x"}}, "tags", "'two words' cannot be a key."),
        ({"tags": {"a" * 101: "x"}}, "tags", f"'{'a' * 40}' cannot be a key."),
        ({"tags": {"area": "x" * 257}}, "tags", "The value of 'area' has 257 characters; at most 256 are kept."),
        ({"tags": {"area": "a\0b"}}, "tags", "The value of 'area' contains control characters."),
        ({"tags": {"area": None}}, "tags", "The value of 'area' must be a text."),
        ({"tags": {f"k{n}": "" for n in range(101)}}, "tags", "A version may have at most 100 tags."),
        ({"properties": {"p": [1]}}, "properties", "The value of 'p' must be a text."),
        ({"properties": {"p": float("nan")}}, "properties", "The value of 'p' must be a text."),
        ({"framework": "abacus"}, "framework", "'abacus' is not a framework that the studio knows."),
        ({"framework_version": "x" * 33}, "framework_version", f"'{'x' * 33}' is not a version number."),
        ({"cpu": 0}, "cpu", "cpu must be more than 0 and at most 1024, not 0."),
        ({"memory_gb": -1}, "memory_gb", "memory_gb must be more than 0 and at most 65536, not -1."),
        ({"memory_gb": float("inf")}, "memory_gb", "memory_gb must be more than 0 and at most 65536, not inf."),
        ({"gpu": -1}, "gpu", "gpu must be more than 0 and at most 64, not -1."),
        ({"name": "../iris"}, "name", "'../iris' cannot be a model's name."),
        ({"name": ""}, "name", "'' cannot be a model's name."),
        ({"name": "iris:3"}, "name", "'iris:3' cannot be a model's name."),
        ({"description": "x" * 20_001}, "description", "A description may have at most 20,000 characters and no NUL."),
        ({"files": {}}, "files", "A version needs at least one file."),
        ({"files": {"a.bin": b"", "b.bin": b""}}, "files", "a.bin is empty."),
        ({"files": {"A.bin": b"1", "a.bin": b"2"}}, "files", "Two files have the same place: A.bin and a.bin."),
        ({"files": {"Straße": b"1", "STRASSE": b"2"}}, "files", "Two files have the same place: Straße and STRASSE."),
        ({"files": {"ﬁ.txt": b"1", "fi.txt": b"2"}}, "files", "Two files have the same place: ﬁ.txt and fi.txt."),
        ({"files": {"a": b"1", "A/b": b"2"}}, "files", "a is both a file and the folder of A/b."),
    ],
)
def test_invalid_input_names_its_field_and_registers_nothing(register, facts, field, message):
    with pytest.raises(BadInput) as said:
        register(**{"name": "iris"} | facts)
    assert (said.value.field, said.value.message) == (field, message)
    assert not ModelVersion.objects.exists()
    assert not Model.objects.exists()


def test_uploads_of_others_and_incomplete_ones_cannot_be_registered(workspace, elsewhere, bob, alice):
    theirs = make_upload(workspace, alice)
    elsewhere_too = make_upload(elsewhere, bob)
    half = make_upload(workspace, bob)
    half.artifact = None
    for upload in (theirs, elsewhere_too, half):
        with pytest.raises(BadInput):
            registration.register(workspace=workspace, actor=bob, name="iris", files=[upload])


@pytest.mark.parametrize(
    ("paths", "framework"),
    [
        (["README.md", "net.ONNX"], "onnx"),
        (["model.joblib"], "scikit-learn"),
        (["weights.pt"], "pytorch"),
        (["saved_model.pb", "variables/x.index"], "tensorflow"),
        (["notes.txt"], "custom"),
    ],
)
def test_framework_is_guessed_from_file_names_before_the_inspection(register, paths, framework):
    version = register(files={path: b"content" for path in paths})
    assert (version.framework, version.declared_framework) == (framework, "")


def test_versions_are_found_by_reference(workspace, bob):
    versions = [make_version(workspace, user=bob) for _ in range(11)]
    assert registration.find_version(workspace, "iris:2") == versions[1]
    assert registration.find_version(workspace, "iris") == versions[10]
    assert registration.find_version(workspace, "iris:latest") == versions[10]


@pytest.mark.parametrize(
    "reference", ["iris:3", "digits", "iris:0", "iris:-1", "iris:1:2", "iris:x", "iris:" + "9" * 50]
)
def test_unknown_reference_is_not_found(workspace, reference):
    make_version(workspace)
    with pytest.raises(NotFound):
        registration.find_version(workspace, reference)


def test_a_version_of_another_workspace_is_not_found(workspace, elsewhere):
    make_version(elsewhere)
    with pytest.raises(NotFound) as said:
        registration.find_version(workspace, "iris:1")
    assert said.value.message == "There is no model version 'iris:1' in vision."


def test_tags_are_set_replaced_and_removed(workspace, bob):
    version = make_version(workspace, user=bob, tags={"area": "vision", "stage": "draft", "old": "1"})
    before = version.model.updated_at
    registration.edit_tags(version, bob, add=["stage=ready", "new=1"], remove=["old", "never there"])
    assert tags_of(version) == {"area": "vision", "stage": "ready", "new": "1"}
    assert Model.objects.get().updated_at > before
    event = Event.objects.get(action="version.updated")
    assert event.details == {
        "what": "tags",
        "added": {"stage": "ready", "new": "1"},
        "removed": ["never there", "old"],
        "before": {"stage": "draft", "old": "1"},
    }


def test_tags_beyond_the_limit_change_nothing(workspace, bob):
    version = make_version(workspace, tags={f"k{number}": "" for number in range(99)})
    with pytest.raises(BadInput):
        registration.edit_tags(version, bob, add={"a": "1", "b": "2"})
    assert version.tags.count() == 99


def test_properties_are_added_and_never_changed(workspace, bob):
    version = make_version(workspace, properties={"accuracy": 0.9})
    registration.add_properties(version, bob, {"f1": 0.8, "accuracy": 0.9})
    with pytest.raises(Conflict) as said:
        registration.add_properties(version, bob, {"other": 1, "accuracy": 0.95})
    assert said.value.message == "The property 'accuracy' is already '0.9' and never changes."
    version.refresh_from_db()
    assert version.properties == {"accuracy": 0.9, "f1": 0.8}


def test_the_description_is_edited(workspace, bob):
    version = make_version(workspace)
    registration.edit_description(version, bob, "Better words")
    version.refresh_from_db()
    assert version.description == "Better words"


def test_a_deleted_version_cannot_be_edited(workspace, bob):
    version = make_version(workspace)
    ModelVersion.objects.filter(pk=version.pk).delete()
    with pytest.raises(NotFound):
        registration.edit_description(version, bob, "too late")


def test_deleted_version_number_is_never_reused(register, bob):
    register()
    registration.delete_version(register(), bob)
    assert str(register()) == "iris:3"
    assert Event.objects.filter(action="version.deleted", subject_label="iris:2").exists()


def test_version_in_use_by_a_service_cannot_be_deleted(workspace, bob):
    version = make_version(workspace, tags={"area": "vision"})
    serve(workspace, version, "shop")
    serve(workspace, version, "shop")
    serve(workspace, version, "archive")
    with pytest.raises(InUse) as said:
        registration.delete_version(version, bob)
    assert said.value.message == "iris:1 is used by the services archive, shop."
    assert said.value.status == 409
    assert ModelVersion.objects.filter(pk=version.pk).exists()
    assert tags_of(version) == {"area": "vision"}


def test_deletion_is_rejected_when_a_service_starts_to_use_the_version_meanwhile(workspace, bob, monkeypatch):
    version = make_version(workspace)
    services = iter([[], ["shop"]])
    monkeypatch.setattr(registration.usage, "services_using", lambda version: next(services))
    serve(workspace, version)
    with pytest.raises(InUse):
        registration.delete_version(version, bob)
    assert ModelVersion.objects.filter(pk=version.pk).exists()
    assert not Event.objects.filter(action="version.deleted").exists()


def test_only_a_rejected_version_can_be_reinspected(workspace, bob):
    version = make_version(workspace, state=VersionState.REJECTED, rejection={"message": "no"})
    registration.inspect_again(version, bob)
    assert version.state == VersionState.UPLOADED
    assert version.rejection is None
    assert version.inspections.count() == 1
    with pytest.raises(Conflict):
        registration.inspect_again(make_version(workspace), bob)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_concurrent_threads_get_different_version_numbers(workspace, bob):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite is tried with processes, below")
    uploads = [make_upload(workspace, bob, content=b"%d" % number) for number in range(12)]
    start, faults = threading.Barrier(4), []

    def work(mine):
        try:
            start.wait()
            for upload in mine:
                registration.register(workspace=workspace, actor=bob, name="iris", files=[upload], tags=["a=b"])
        except Exception as fault:
            faults.append(fault)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(uploads[number::4],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert sorted(ModelVersion.objects.values_list("number", flat=True)) == list(range(1, 13))
    assert Model.objects.get().last_number == 12
    assert Tag.objects.count() == 12


REGISTER_FIVE = """
import io, django
django.setup()
from registry.versions import registration
from registry.store import uploads
from studio.accounts.models import User, Workspace
from studio.core import enqueue
enqueue._send = lambda *message: None
workspace, _ = Workspace.objects.get_or_create(slug="vision")
user, _ = User.objects.get_or_create(username="bob")
for number in range(5):
    upload = uploads.receive(workspace, user, "m.bin", io.BytesIO(b"x"), 1)
    print(registration.register(workspace=workspace, actor=user, name="iris", files=[upload]).number)
"""


def test_concurrent_processes_on_sqlite_get_different_version_numbers(tmp_path):
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "studio.settings", "SLIPWAY_DATA": str(tmp_path)}
    environment["DATABASE_URL"] = f"sqlite:///{tmp_path}/slipway.sqlite3"
    facts = {"cwd": settings.BASE_DIR, "env": environment, "text": True}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], check=True, **facts)
    start = functools.partial(subprocess.Popen, [sys.executable, "-c", REGISTER_FIVE], stdout=subprocess.PIPE, **facts)
    printed = "".join(process.communicate()[0] for process in [start() for _ in range(3)])
    assert sorted(map(int, printed.split())) == list(range(1, 16))


@pytest.mark.parametrize("name", ["a", "7", "é", "ab"])
def test_duplicate_file_names_of_any_length_are_rejected(name):
    with pytest.raises(BadInput) as said:
        registration.must_not_clash([name, str(name.encode(), "utf-8")])

    assert said.value.message == f"Two files have the same place: {name} and {name}."
