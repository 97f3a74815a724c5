"""Kinds of targets, their settings, and the drivers made for single targets."""

import pytest
from django.db import connection

from deployments.models import Target
from deployments.targets import driver_for, forget_drivers
from deployments.targets.kinds import Setting, TargetKind, kind_of, kinds, register, unregister
from studio.core.errors import BadInput, NotFound

SETTINGS = (
    Setting("region", "Region", default="north"),
    Setting("slots", "Slots", type="integer", default=4),
    Setting("password", "Password", secret=True),
)


@pytest.fixture
def kind():
    """A kind whose driver is the reference that it was made with."""
    made = TargetKind("made-up", "Made up", lambda target: target, SETTINGS)
    register(made)
    yield made
    unregister("made-up")
    forget_drivers()


def test_kinds_are_the_folders_of_the_package():
    assert {kind.name for kind in kinds()} >= {"docker", "local"}
    assert kind_of("local").needs_ports


def test_an_unknown_kind_is_named():
    with pytest.raises(NotFound, match="no kind of target 'moon'"):
        kind_of("moon")


def test_settings_left_out_get_their_defaults(kind):
    assert kind.complete({"slots": 2}) == {"region": "north", "slots": 2, "password": None}


@pytest.mark.parametrize(
    ("given", "words"),
    [({"colour": "red"}, "no setting 'colour'"), ({"slots": "two"}, "Slots must be"), ({"slots": True}, "Slots must")],
)
def test_invalid_settings_are_rejected(kind, given, words):
    with pytest.raises(BadInput, match=words):
        kind.complete(given)


def make_target(workspace, kind, name, **settings):
    target = Target(workspace=workspace, name=name, kind=kind.name)
    target.put_settings(kind.complete(settings), kind.secret_names())
    target.save()
    return target


def test_a_secret_setting_is_kept_encrypted_and_reaches_the_driver(kind, workspace):
    target = make_target(workspace, kind, "a", password="open sesame")
    target.refresh_from_db()
    assert target.settings == {"region": "north", "slots": 4}
    with connection.cursor() as cursor:
        cursor.execute("SELECT secrets FROM deployments_target")
        assert "sesame" not in cursor.fetchone()[0]
    driver = driver_for(target)
    assert driver.settings["password"] == "open sesame"
    assert "sesame" not in repr(driver)


def test_each_target_has_its_own_driver_until_its_settings_change(kind, workspace):
    first, second = make_target(workspace, kind, "a", region="east"), make_target(workspace, kind, "b", region="west")
    assert [driver_for(target).settings["region"] for target in (first, second)] == ["east", "west"]
    assert driver_for(Target.objects.get(pk=first.pk)) is driver_for(first)
    first.put_settings(kind.complete({"region": "south"}), kind.secret_names())
    assert driver_for(first).settings["region"] == "south"


def test_docker_settings_that_cannot_be_name_the_field():
    with pytest.raises(BadInput, match="must begin with unix://") as refused:
        kind_of("docker").complete({"host": "http://box"})
    assert refused.value.field == "host"
    assert kind_of("docker").secret_names() == {"ca", "certificate", "key"}
