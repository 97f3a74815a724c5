"""The catalogue of event types: names, payloads, and the names that rows of older releases have."""

import importlib
import re
from typing import NotRequired, TypedDict

import pytest
from django.apps import apps

from studio.activity.events import NoDetails, event_type, event_types, sentence_of, title_of
from studio.activity.models import Event
from studio.activity.recording import record
from studio.people.events import MEMBER_REMOVED, TOKEN_CREATED

renaming = importlib.import_module("studio.activity.migrations.0002_rename_event_types")


class Copied(TypedDict):
    copies: int
    note: NotRequired[str]


@pytest.fixture
def catalogue(monkeypatch):
    monkeypatch.setattr("studio.activity.events._types", {})


@pytest.mark.parametrize("name", ["copied", "Letter.copied", "letter.copy", "letter.is ready", "letter.copied.twice"])
def test_a_name_is_noun_and_verb_past(catalogue, name):
    with pytest.raises(ValueError, match=r"noun\.verb_past"):
        event_type(name, "Letter copied", subject="letter")


def test_a_name_is_given_once(catalogue):
    event_type("letter.copied", "Letter copied", subject="letter")
    with pytest.raises(ValueError, match=r"'letter\.copied'"):
        event_type("letter.copied", "Another title", subject="letter")


@pytest.mark.parametrize(
    ("subject", "details", "fault"),
    [
        ("parcel", {"copies": 1}, "is about a letter, not a parcel"),
        ("letter", {}, "lacks copies"),
        ("letter", {"copies": 1, "colour": "red"}, "does not carry colour"),
    ],
)
def test_an_event_has_the_subject_and_the_details_of_its_type(catalogue, subject, details, fault):
    copied = event_type("letter.copied", "Letter copied", subject="letter", details=Copied)
    with pytest.raises(TypeError, match=fault):
        copied.check(subject, details)
    copied.check("letter", {"copies": 1})
    copied.check("letter", {"copies": 1, "note": "faint"})


@pytest.mark.django_db
def test_an_event_of_the_wrong_type_is_not_recorded(workspace):
    with pytest.raises(TypeError):
        record(MEMBER_REMOVED, workspace, workspace=workspace)
    assert not Event.objects.exists()


def test_title_of_an_unknown_event_is_its_name():
    assert (title_of("token.created"), title_of("token.made")) == (TOKEN_CREATED.title, "token.made")


def test_subjects_are_words_of_the_glossary():
    words = {str(model._meta.verbose_name) for model in apps.get_models()}
    assert {each.subject for each in event_types()} - words == set()


def test_azure_s_events_have_one_counterpart_each():
    azure = {each.azure.rpartition(".")[2]: each.name for each in event_types() if each.azure}
    assert azure == {"ModelRegistered": "version.registered", "ModelDeployed": "service.revision_activated"}


@pytest.mark.django_db
def test_events_of_older_releases_are_renamed_and_back(workspace):
    for action in ("token.made", "version.ready", "service.stopped"):
        Event.objects.create(
            workspace=workspace, action=action, subject_type="", subject_id="", subject_label="", details=NoDetails()
        )
    old = list(Event.objects.order_by("id").values_list("action", flat=True))
    renaming.rename(apps, None)
    assert list(Event.objects.order_by("id").values_list("action", flat=True)) == [
        *("token.created", "version.accepted", "service.stopped")
    ]
    renaming.restore(apps, None)
    assert list(Event.objects.order_by("id").values_list("action", flat=True)) == old


def test_event_names_of_older_releases_map_to_the_catalogue():
    assert set(renaming.RENAMED.values()) - {each.name for each in event_types()} == set()


@pytest.mark.parametrize(
    ("name", "details", "sentence"),
    [
        (
            "service.deployed",
            {"revision": 1, "models": ["iris:2", "wine:1"]},
            "deployed X as revision 1 with iris:2, wine:1",
        ),
        ("service.deployed", {"revision": 1, "models": []}, "deployed X as revision 1"),
        ("service.updated", {"revision": 2, "models": ["iris:2"]}, "updated X to revision 2 with iris:2"),
        ("service.rolled_back", {"revision": 1, "before": 2}, "rolled X back to revision 1 (was 2)"),
        (
            "service.state_changed",
            {"from": "Healthy", "to": "Failed", "cause": "init_failed"},
            "found X Failed: init failed (was Healthy)",
        ),
        ("service.build_succeeded", {}, "built X, revision ?"),
        (
            "version.updated",
            {"what": "tags", "added": {"stage": "{prod}"}, "before": {"stage": "candidate"}},
            "set stage={prod} (was candidate) on X",
        ),
        ("version.updated", {"what": "tags", "added": {"new": ""}, "removed": ["old"]}, "set new, removed old on X"),
        ("version.updated", {"what": "description"}, "changed the description of X"),
        ("target.checked", {"problems": []}, "checked the target X: no problem"),
        ("some.gone", {}, "some.gone: X"),
    ],
)
def test_events_read_as_sentences(name, details, sentence):
    assert "X".join(sentence_of(name, details)) == sentence


def test_every_sentence_names_the_subject_and_only_details_of_its_type():
    for kind in event_types():
        if isinstance(kind.sentence, str) and kind.sentence:
            named = set(re.findall(r"\{(\w+)\}", kind.sentence))
            assert "subject" in named, kind.name
            assert named - {"subject"} <= kind.details.__annotations__.keys(), kind.name
