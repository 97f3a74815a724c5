"""What people do with services."""

import hashlib
import socket
import threading

import pytest
from django.db import connection, connections

from deployments.config import configs
from deployments.errors import (
    BadDeploymentConfig,
    BeingDeleted,
    ChangedMeanwhile,
    NameTaken,
    NoFreePort,
    VersionNotReady,
)
from deployments.models import Desired, Phase, Service, Target
from deployments.services import ports, releases
from registry.models import Inspection, ModelVersion, VersionState
from registry.versions import samples
from studio.core.errors import BadInput, NotFound
from studio.core.jobs import JobState
from tests.deployments.service_factories import actions, deploy, end_build
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db


class TestDeploying:
    def test_makes_a_service_with_everything_it_needs(self, workspace, bob, iris):
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

    def test_gives_it_two_different_keys_that_the_database_holds_encrypted(self, workspace, bob, iris):
        service = deploy(workspace, bob, iris)
        keys = {key.slot: key.value for key in service.keys.all()}
        assert set(keys) == {"primary", "secondary"}
        assert len(set(keys.values())) == 2
        with connection.cursor() as cursor:
            cursor.execute("SELECT value FROM deployments_key")
            assert not {row[0] for row in cursor.fetchall()} & set(keys.values())

    def test_enqueues_the_build_and_records_events(
        self, workspace, bob, iris, enqueued, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True):
            service = deploy(workspace, bob, iris, built=False)
        assert ("build", service.revisions.get().builds.get().pk) in enqueued
        assert actions(service) == ["deployed"]

    def test_points_traffic_at_the_revision_once_it_is_built(self, workspace, bob, iris):
        service = deploy(workspace, bob, iris, built=False)
        assert not service.traffic.exists()
        end_build(service)
        share = service.traffic.get()
        assert (share.revision.number, share.percent) == (1, 100)

    def test_takes_resources_from_the_version_and_lets_people_overrule_them(self, workspace, bob):
        version = make_version(workspace, cpu=2, memory_gb=3)
        taken = deploy(workspace, bob, version, name="a").revisions.get().deployment_config
        overruled = (
            deploy(workspace, bob, version, name="b", deployment_config={"cpu": 0.5}).revisions.get().deployment_config
        )
        assert (taken["cpu"], taken["memory_gb"], taken["auth"]) == (2, 3, True)
        assert (overruled["cpu"], overruled["memory_gb"]) == (0.5, 3)

    @pytest.mark.parametrize("name", ["", "Iris", "iris_1", "-iris", "iris-", "a" * 64, "../iris", "iris\n"])
    def test_refuses_an_impossible_name(self, workspace, bob, iris, name):
        with pytest.raises(BadInput) as refused:
            deploy(workspace, bob, iris, name=name)
        assert refused.value.field == "name"

    @pytest.mark.parametrize(
        ("state", "word"), [(VersionState.UPLOADED, "inspected"), (VersionState.REJECTED, "truncated")]
    )
    def test_refuses_a_version_that_is_not_ready(self, workspace, bob, state, word):
        version = make_version(workspace, state=state, rejection={"message": "The file is truncated."})
        with pytest.raises(VersionNotReady, match=word):
            deploy(workspace, bob, version)

    def test_tells_what_a_version_waits_for_that_is_not_inspected_yet(self, workspace, bob):
        others = [make_version(workspace, "others", state=VersionState.UPLOADED) for _ in range(3)]
        Inspection.objects.bulk_create(Inspection(version=version) for version in others)
        version = make_version(workspace, state=VersionState.UPLOADED)
        job = Inspection.objects.create(version=version)
        Inspection.objects.filter(version=others[0]).update(state=JobState.SUCCEEDED)
        with pytest.raises(VersionNotReady, match="waits to be inspected, with 2 before it"):
            deploy(workspace, bob, version)
        assert job.claim(30)
        with pytest.raises(VersionNotReady, match="cannot be deployed yet: it is being inspected"):
            deploy(workspace, bob, version)

    def test_finds_no_version_of_another_workspace(self, workspace, elsewhere, bob):
        with pytest.raises(NotFound):
            deploy(workspace, bob, make_version(elsewhere))

    def test_finds_no_config_or_target_of_another_workspace(self, workspace, elsewhere, bob, mallory, iris):
        config = configs.default_for(make_version(elsewhere), mallory)
        with pytest.raises(NotFound):
            deploy(workspace, bob, iris, config=config)
        with pytest.raises(NotFound):
            deploy(workspace, bob, iris, target=Target.objects.create(workspace=elsewhere, name="there"))

    def test_needs_a_version(self, workspace, bob):
        with pytest.raises(BadInput):
            deploy(workspace, bob)

    def test_needs_a_script_for_what_is_not_onnx_and_for_several_models(self, workspace, bob, iris):
        with pytest.raises(BadInput, match="entry script"):
            deploy(workspace, bob, make_version(workspace, "tree", files={"model.pkl": b"\x80\x04."}))
        with pytest.raises(BadInput, match="entry script"):
            deploy(workspace, bob, iris, make_version(workspace, "other"))

    def test_of_a_bundled_sample_brings_its_own_script(self, workspace, bob):
        wine = next(version for version in samples.add(workspace, bob) if version.model.name == "wine")
        ModelVersion.objects.update(state=VersionState.READY)
        wine.refresh_from_db()
        first = deploy(workspace, bob, wine, name="wine").revisions.get().config
        again = deploy(workspace, bob, wine, name="wine-2").revisions.get().config
        assert (str(first), first.entry_script, str(first.environment)) == ("wine:1", "score.py", "wine:1")
        assert again == first

    def test_takes_the_same_version_twice_as_once(self, workspace, bob, iris):
        assert deploy(workspace, bob, iris, iris).revisions.get().models.count() == 1

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"cpu": 0}, "cpu"),
            ({"cpu": "2"}, "cpu"),
            ({"cpu": True}, "cpu"),
            ({"cpu": float("nan")}, "cpu"),
            ({"memory_gb": -1}, "memory_gb"),
            ({"processes": 1.5}, "processes"),
            ({"processes": 65}, "processes"),
            ({"auth": "no"}, "auth"),
            ({"token_auth": "yes"}, "token_auth"),
            ({"token_auth": True, "auth": True}, "token_auth"),
            ({"start_deadline_seconds": 0}, "start_deadline_seconds"),
            ({"replicas": 2}, "replicas"),
            ({"environment_variables": ["A=1"]}, "environment_variables"),
            ({"environment_variables": {"A B": "1"}}, "environment_variables"),
            ({"environment_variables": {"A": 1}}, "environment_variables"),
            ({"environment_variables": {"PYTHONPATH": "/"}}, "environment_variables"),
            ({"environment_variables": {"SLIPWAY_X": "1"}}, "environment_variables"),
            ({"environment_variables": {"A": "x" * 9000}}, "environment_variables"),
        ],
    )
    def test_refuses_a_deployment_config_that_makes_no_sense(self, workspace, bob, iris, given, field):
        with pytest.raises(BadDeploymentConfig) as refused:
            deploy(workspace, bob, iris, deployment_config=given)
        assert refused.value.field == field
        assert not Service.objects.exists()


class TestAPort:
    def test_is_not_given_twice(self, workspace, bob, iris):
        services = [deploy(workspace, bob, iris, name=f"iris-{n}") for n in range(5)]
        assert len({service.port for service in services}) == 5

    def test_that_somebody_listens_on_is_passed_over(self, settings, workspace, bob, iris):
        settings.SLIPWAY = settings.SLIPWAY | {"LOCAL_PORTS": (21990, 21991)}
        with socket.socket() as squatter:
            squatter.bind(("127.0.0.1", 21990))
            squatter.listen()
            assert deploy(workspace, bob, iris).port == 21991

    def test_taken_between_looking_and_writing_is_replaced_by_another(self, workspace, bob, iris, monkeypatch):
        taken = deploy(workspace, bob, iris, name="first").port
        offers = iter([taken, taken, 21500])
        monkeypatch.setattr("deployments.services.create.free_port", lambda: next(offers))
        assert deploy(workspace, bob, iris, name="second").port == 21500

    def test_is_missed_with_a_hint_when_all_are_taken(self, settings, workspace, bob, iris):
        settings.SLIPWAY = settings.SLIPWAY | {"LOCAL_PORTS": (21990, 21990)}
        deploy(workspace, bob, iris, name="first")
        with pytest.raises(NoFreePort):
            ports.free_port()


class TestAnExistingName:
    def test_is_refused_with_the_next_step(self, workspace, bob, alice, iris):
        deploy(workspace, bob, iris)
        with pytest.raises(NameTaken, match="already a service 'iris'") as refused:
            deploy(workspace, alice, iris)
        assert "overwrite" in refused.value.hint
        assert refused.value.status == 409

    def test_is_free_in_another_workspace(self, workspace, elsewhere, bob, mallory, iris):
        deploy(workspace, bob, iris)
        deploy(elsewhere, mallory, make_version(elsewhere))
        assert Service.objects.filter(name="iris").count() == 2

    def test_gets_a_new_revision_with_overwrite_and_keeps_address_and_keys(self, workspace, bob, iris):
        before = deploy(workspace, bob, iris)
        keys = list(before.keys.values_list("value", flat=True))
        after = deploy(workspace, bob, make_version(workspace), overwrite=True, built=False)
        assert (after.pk, after.port, after.last_revision) == (before.pk, before.port, 2)
        assert after.generation > before.generation
        assert list(after.keys.values_list("value", flat=True)) == keys
        assert after.traffic.get().revision.number == 1, "the old one answers until the new one is built"
        end_build(after)
        assert after.traffic.get().revision.number == 2
        assert actions(after)[-2:] == ["updated", "revision_activated"]

    def test_that_is_stopped_is_started_by_an_update(self, workspace, bob, iris):
        service = deploy(workspace, bob, iris)
        releases.stop(service, bob)
        assert deploy(workspace, bob, iris, overwrite=True).desired == Desired.RUNNING

    def test_that_is_being_deleted_cannot_be_updated(self, workspace, bob, iris):
        releases.delete(deploy(workspace, bob, iris), bob)
        with pytest.raises(BeingDeleted):
            deploy(workspace, bob, iris, overwrite=True)

    def test_taken_by_somebody_else_at_the_same_moment_is_refused(self, workspace, bob, alice, iris, monkeypatch):
        """The table's constraint decides when both have looked and found the name free."""
        deploy(workspace, alice, iris)
        monkeypatch.setattr("deployments.services.releases.existing_service", lambda *_: None)
        with pytest.raises(NameTaken):
            deploy(workspace, bob, iris)
        assert Service.objects.count() == 1

    def test_updated_by_two_people_at_once_goes_to_one_of_them(self, workspace, bob, iris, monkeypatch):
        stale = Service.objects.get(pk=deploy(workspace, bob, iris).pk)
        deploy(workspace, bob, iris, overwrite=True)
        monkeypatch.setattr("deployments.services.releases.existing_service", lambda *_: stale)
        with pytest.raises(ChangedMeanwhile):
            deploy(workspace, bob, iris, overwrite=True)
        assert stale.revisions.count() == 2


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_many_people_who_deploy_one_name_at_once_exactly_one_wins(workspace, bob, iris):
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


class TestStoppingStartingDeleting:
    @pytest.mark.parametrize(
        ("verb", "desired", "action"),
        [
            (releases.stop, Desired.STOPPED, "stopped"),
            (releases.start, Desired.RUNNING, "started"),
            (releases.delete, Desired.DELETED, "deletion_requested"),
        ],
    )
    def test_changes_what_is_wanted_and_tells(
        self, workspace, bob, iris, enqueued, verb, desired, action, django_capture_on_commit_callbacks
    ):
        service = deploy(workspace, bob, iris)
        generation = service.generation
        with django_capture_on_commit_callbacks(execute=True):
            verb(service, bob)
        assert (service.desired, service.generation) == (desired, generation + 1)
        assert actions(service)[-1] == action
        assert ("deployments.tasks.reconcile", (service.pk,)) in enqueued

    def test_somebody_elses_change_at_the_same_moment_is_noticed(self, workspace, bob, alice, iris):
        deployed = deploy(workspace, bob, iris)
        seen_by_alice = Service.objects.get(pk=deployed.pk)
        releases.stop(deployed, bob)
        with pytest.raises(ChangedMeanwhile):
            releases.delete(seen_by_alice, alice)

    def test_deleting_twice_is_once(self, workspace, bob, iris):
        service = deploy(workspace, bob, iris)
        releases.delete(service, bob)
        releases.delete(service, bob)
        assert actions(service).count("deletion_requested") == 1

    @pytest.mark.parametrize("verb", [releases.stop, releases.start])
    def test_what_is_being_deleted_cannot_be_stopped_or_started(self, workspace, bob, iris, verb):
        service = deploy(workspace, bob, iris)
        releases.delete(service, bob)
        with pytest.raises(BeingDeleted):
            verb(service, bob)


class TestRegeneratingAKey:
    def test_changes_that_key_alone(self, workspace, bob, iris):
        service = deploy(workspace, bob, iris)
        before = {key.slot: key.value for key in service.keys.all()}
        releases.regenerate_key(service, "primary", bob)
        after = {key.slot: key.value for key in service.keys.all()}
        assert after["primary"] != before["primary"]
        assert after["secondary"] == before["secondary"]
        assert actions(service)[-1] == "key_regenerated"

    def test_leaves_the_shown_state_alone(self, workspace, bob, iris):
        service = deploy(workspace, bob, iris)
        Service.objects.update(phase=Phase.HEALTHY)
        releases.regenerate_key(service, "secondary", bob)
        assert Service.objects.get().phase == Phase.HEALTHY

    def test_of_an_unknown_slot_is_not_found(self, workspace, bob, iris):
        with pytest.raises(NotFound):
            releases.regenerate_key(deploy(workspace, bob, iris), "tertiary", bob)
