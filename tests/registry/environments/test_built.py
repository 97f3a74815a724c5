"""Rows that record which environments are built."""

import io
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from registry.environments import built, environments
from registry.models import BuiltEnvironment
from studio.core.errors import SlipwayError

pytestmark = pytest.mark.django_db


def test_an_installed_environment_has_a_row_with_size_and_digest(wheels, define):
    environment = define("demo")
    folder = environments.install(environment, io.StringIO())
    row = BuiltEnvironment.objects.get()
    assert (row.place, row.is_usable, row.begun_at) == (folder.name, True, None)
    assert row.size_bytes == built.size_of(folder) > 0
    assert len(row.digest) == 64


def test_installed_environment_without_a_row_is_adopted(wheels, define):
    """The worker died between the folder and the row."""
    environment = define("demo")
    made = environments.install(environment, io.StringIO()).stat().st_mtime_ns
    BuiltEnvironment.objects.all().delete()
    assert not built.is_built(environment.definition_hash)
    assert environments.install(environment, io.StringIO()).stat().st_mtime_ns == made
    assert built.is_built(environment.definition_hash)


def test_environment_being_removed_counts_as_not_built(wheels, define):
    environment = define("demo")
    environments.install(environment, io.StringIO())
    BuiltEnvironment.objects.update(removing_at=timezone.now())
    assert not built.use(environment.definition_hash)
    assert built.state_of(define("demo"))[0] == "locked"


def test_installation_of_a_dead_worker_is_shown_as_failed_after_its_deadline(define):
    environment = define("demo")
    built.begin(environment.definition_hash)
    assert built.state_of(define("demo"))[0] == "being made"
    ago = timedelta(seconds=django_settings.SLIPWAY["BUILD_SECONDS"] + 1)
    BuiltEnvironment.objects.update(begun_at=timezone.now() - ago)
    assert built.state_of(define("demo"))[0] == "last try failed"


def test_environment_is_ready_after_a_failed_and_a_successful_installation(wheels, define, monkeypatch):
    environment = define("demo")

    def fail(*_):
        raise SlipwayError("no")

    with monkeypatch.context() as patched:
        patched.setattr(environments.Installation, "install", fail)
        with pytest.raises(SlipwayError):
            environments.install(environment, io.StringIO())
    assert built.state_of(define("demo"))[0] == "last try failed"
    environments.install(environment, io.StringIO())
    assert built.state_of(define("demo"))[0] == "ready"


def test_states_of_many_environments_take_one_query(define, django_assert_num_queries):
    listed = [define(name) for name in ("a", "b", "c")]
    with django_assert_num_queries(1):
        assert [built.state_of(one)[0] for one in built.with_built(listed)] == ["not made yet"] * 3
