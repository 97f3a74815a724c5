"""Deploying and updating: what is written, and what is left when it fails."""

import hashlib
import threading

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from deployments.config import configs
from deployments.errors import (
    BeingDeleted,
    ChangedMeanwhile,
    NameTaken,
    NoFreePort,
)
from deployments.models import Desired, InferenceConfig, Phase, Service
from deployments.services import lifecycle
from registry.models import Environment, ModelVersion, VersionState
from registry.versions import samples
from studio.activity.models import Event
from tests.deployments.service_factories import actions, deploy, deploy_request, end_build
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db


def test_deploy_creates_service_and_revision(workspace, bob, iris):
    service = deploy(workspace, bob, iris, built=False, reason="first try", description="Flowers")
    assert (service.name, service.desired, service.phase) == ("iris", Desired.RUNNING, Phase.TRANSITIONING)
    assert (service.description, service.created_by, service.target.kind) == ("Flowers", bob, "local")
    assert 21000 <= service.port <= 21999
    assert service.telemetry_digest == hashlib.sha256(service.telemetry_token.encode()).hexdigest()
    revision = service.revisions.get()
    assert (revision.number, revision.reason, revision.created_by) == (1, "first try", bob)
    assert [str(use.version) for use in revision.models.all()] == ["iris:1"]
    assert revision.config.kind == "no_code"
    assert len({revision.content_hash, revision.revision_hash}) == 2


def test_service_gets_two_keys_that_are_stored_encrypted(workspace, bob, iris):
    service = deploy(workspace, bob, iris)
    keys = {key.slot: key.value for key in service.keys.all()}
    assert set(keys) == {"primary", "secondary"}
    assert len(set(keys.values())) == 2
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM deployments_key")
        assert not {row[0] for row in cursor.fetchall()} & set(keys.values())


def test_deploy_enqueues_the_build_and_records_an_event(
    workspace, bob, iris, enqueued, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        service = deploy(workspace, bob, iris, built=False)
    assert ("build", service.revisions.get().builds.get().pk) in enqueued
    assert actions(service) == ["deployed"]


def test_traffic_goes_to_a_revision_once_it_is_built(workspace, bob, iris):
    service = deploy(workspace, bob, iris, built=False)
    assert not service.traffic.exists()
    end_build(service)
    share = service.traffic.get()
    assert (share.revision.number, share.percent) == (1, 100)


def test_bundled_sample_is_deployed_with_its_own_script(workspace, bob):
    wine = next(version for version in samples.add(workspace, bob) if version.model.name == "wine")
    ModelVersion.objects.update(state=VersionState.READY)
    wine.refresh_from_db()
    first = deploy(workspace, bob, wine, name="wine").revisions.get().config
    again = deploy(workspace, bob, wine, name="wine-2").revisions.get().config
    assert (str(first), first.entry_script, str(first.environment)) == ("wine:1", "score.py", "wine:1")
    assert again == first


def test_taken_name_is_rejected_with_the_next_step(workspace, bob, alice, iris):
    deploy(workspace, bob, iris)
    with pytest.raises(NameTaken, match="already a service 'iris'") as refused:
        deploy(workspace, alice, iris)
    assert "overwrite" in refused.value.hint
    assert refused.value.status == 409


def test_name_is_free_in_another_workspace(workspace, elsewhere, bob, mallory, iris):
    deploy(workspace, bob, iris)
    deploy(elsewhere, mallory, make_version(elsewhere))
    assert Service.objects.filter(name="iris").count() == 2


def test_overwrite_adds_a_revision_and_keeps_address_and_keys(workspace, bob, iris):
    before = deploy(workspace, bob, iris)
    keys = list(before.keys.values_list("value", flat=True))
    after = deploy(workspace, bob, make_version(workspace), overwrite=True, built=False)
    assert (after.pk, after.port, after.last_revision) == (before.pk, before.port, 2)
    assert after.generation > before.generation
    assert list(after.keys.values_list("value", flat=True)) == keys
    end_build(after)
    assert (after.wanted_revision, actions(after)[-1]) == (2, "updated")
    assert after.traffic.get().revision.number == 1, "the old one answers until the new one has proved itself"


def test_update_starts_a_stopped_service(workspace, bob, iris):
    service = deploy(workspace, bob, iris)
    lifecycle.stop(service, bob)
    assert deploy(workspace, bob, iris, overwrite=True).desired == Desired.RUNNING


def test_service_being_deleted_cannot_be_updated(workspace, bob, iris):
    lifecycle.delete(deploy(workspace, bob, iris), bob)
    with pytest.raises(BeingDeleted):
        deploy(workspace, bob, iris, overwrite=True)


def test_name_taken_at_the_same_moment_is_rejected(workspace, bob, alice, iris, monkeypatch):
    """The table's constraint decides when both have looked and found the name free."""
    deploy(workspace, alice, iris)
    monkeypatch.setattr("deployments.services.deploy.existing_service", lambda *_: None)
    with pytest.raises(NameTaken):
        deploy(workspace, bob, iris)
    assert Service.objects.count() == 1


def test_one_of_two_concurrent_updates_wins(workspace, bob, iris, monkeypatch):
    stale = Service.objects.get(pk=deploy(workspace, bob, iris).pk)
    deploy(workspace, bob, iris, overwrite=True)
    monkeypatch.setattr("deployments.services.deploy.existing_service", lambda *_: stale)
    with pytest.raises(ChangedMeanwhile):
        deploy(workspace, bob, iris, overwrite=True)
    assert stale.revisions.count() == 2


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_one_of_many_concurrent_deploys_of_a_name_wins(workspace, bob, iris):
    if connection.vendor != "postgresql":
        from tests.conftest import require

        require("postgres", "the suite runs on another database")
    configs.default_for(iris, bob)
    outcomes, gate = [], threading.Barrier(6)

    def one():
        gate.wait()
        try:
            deploy(workspace, bob, iris, built=False)
            outcomes.append("won")
        except NameTaken as refused:
            outcomes.append(refused.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["service_exists"] * 5 + ["won"]
    assert Service.objects.count() == 1


@pytest.fixture
def wine(workspace, bob):
    """A bundled sample whose default config is an entry script with an environment of its own."""
    added = next(version for version in samples.add(workspace, bob) if version.model.name == "wine")
    ModelVersion.objects.update(state=VersionState.READY)
    return added


def test_deploy_that_fails_leaves_nothing_behind(workspace, bob, alice, iris, wine, monkeypatch):
    """The table's constraint finds the name taken after everything has been checked."""
    deploy(workspace, alice, iris, name="wine")
    tables = (InferenceConfig, Environment, Service, Event)
    before = [table.objects.count() for table in tables]
    monkeypatch.setattr("deployments.services.deploy.existing_service", lambda *_: None)
    with pytest.raises(NameTaken):
        deploy(workspace, bob, wine, name="wine")
    assert [table.objects.count() for table in tables] == before


def test_request_for_a_default_config_writes_nothing(workspace, bob, wine):
    with CaptureQueriesContext(connection) as queries:
        request = deploy_request(workspace, bob, wine)
    assert request.config is None
    assert not [query["sql"] for query in queries if not query["sql"].startswith("SELECT")]


def test_late_failure_takes_the_default_config_back(workspace, bob, wine, monkeypatch):
    def fail(revision):
        raise NoFreePort

    monkeypatch.setattr("deployments.services.deploy.builds.build_for", fail)
    with pytest.raises(NoFreePort):
        deploy(workspace, bob, wine)
    assert not InferenceConfig.objects.exists()
    assert not Event.objects.filter(action="config.created").exists()
