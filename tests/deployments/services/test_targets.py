"""Adding, changing, checking and removing targets."""

import pytest

from deployments.models import Target, TargetCheck
from deployments.services import target_checks, targets
from deployments.services.create import local_target
from studio.activity.models import Event
from studio.core.errors import BadInput, Conflict, NotFound
from studio.core.job_runner import run_job
from tests.deployments.service_factories import deploy
from tests.targets import docker_like

pytestmark = pytest.mark.django_db


@pytest.fixture
def cluster(workspace, bob, containers):
    return targets.add_target(workspace, bob, "cluster", "docker-like", {"network": "prod", "token": "s3cret"})


def run_check(target):
    """Run the newest check of a target, and read its result."""
    check = target.checks.first()
    run_job("target_check", check.pk)
    check.refresh_from_db()
    return check


def test_added_target_has_its_settings_with_defaults_and_secrets_encrypted(cluster):
    row = Target.objects.get(name="cluster")
    assert (row.settings["network"], row.settings["registry"]) == ("prod", "registry.example")
    assert "token" not in row.settings
    assert row.all_settings["token"] == "s3cret"
    assert ("s3cret" in str(Target.objects.filter(pk=row.pk).values("settings", "kind").get())) is False
    assert targets.shown_settings(row)[-1][1] is True


def test_changed_settings_keep_those_that_are_left_out(cluster, bob):
    targets.change_settings(cluster, bob, {"network": "test"})
    row = Target.objects.get(name="cluster")
    assert (row.settings["network"], row.all_settings["token"]) == ("test", "s3cret")
    assert row.checks.count() == 2


@pytest.mark.parametrize(
    ("name", "kind", "given", "error", "words"),
    [
        ("Cluster", "docker-like", {}, BadInput, "not a possible name"),
        ("c", "docker-like", {"netwrk": "x"}, BadInput, "no setting 'netwrk'"),
        ("c", "docker-like", {"network": 3}, BadInput, "Network must be of the type text"),
        ("c", "mainframe", {}, NotFound, "no kind of target 'mainframe'"),
    ],
)
def test_wrong_target_is_refused_and_nothing_is_kept(workspace, bob, containers, name, kind, given, error, words):
    with pytest.raises(error, match=words):
        targets.add_target(workspace, bob, name, kind, given)
    assert not Target.objects.exclude(name="local").exists()
    assert not Event.objects.filter(action="target.created").exists()


def test_name_is_taken_once_in_a_workspace(cluster, workspace, bob):
    with pytest.raises(Conflict, match="already"):
        targets.add_target(workspace, bob, "cluster", "docker-like", {})
    assert Target.objects.filter(name="cluster").count() == 1


def test_check_reports_problems_in_words(cluster, monkeypatch):
    monkeypatch.setattr(docker_like.DockerLikeDriver, "check", lambda self: ["The engine does not answer."])
    check = run_check(cluster)
    assert (check.state, check.problems, check.verdict) == ("succeeded", ["The engine does not answer."], "Problems")
    assert Event.objects.get(action="target.checked").details["problems"] == ["The engine does not answer."]


def test_check_keeps_what_the_driver_tells_of_its_target(cluster, monkeypatch):
    monkeypatch.setattr(docker_like.DockerLikeDriver, "facts", lambda self: ["Walls: containers."], raising=False)
    assert run_check(cluster).facts == ["Walls: containers."]


def test_check_of_a_driver_that_raises_reports_a_problem(cluster, monkeypatch):
    def broken(self):
        raise ConnectionRefusedError("nobody listens")

    monkeypatch.setattr(docker_like.DockerLikeDriver, "check", broken)
    assert run_check(cluster).problems == [
        "The target could not be asked: ConnectionRefusedError: nobody listens",
    ]


def test_running_check_is_returned_instead_of_a_second_one(cluster, bob):
    assert targets.check_target(cluster, bob) == cluster.checks.get()
    assert run_check(cluster).problems == []
    assert targets.check_target(cluster, bob) != cluster.checks.last()


def test_old_checks_are_removed(cluster, bob, monkeypatch):
    monkeypatch.setattr(target_checks, "KEPT", 2)
    for _ in range(4):
        run_check(cluster)
        targets.check_target(cluster, bob)
    assert TargetCheck.objects.filter(target=cluster).count() == 3  # two that have ended, and the one under way


def test_target_in_use_is_not_removed(workspace, bob, iris, fake):
    deploy(workspace, bob, iris, target=fake.target)
    with pytest.raises(Conflict, match="it is used by iris"):
        targets.remove_target(fake.target, bob)
    assert Target.objects.filter(pk=fake.target.pk).exists()
    assert not Event.objects.filter(action="target.deleted").exists()


def test_unused_target_is_removed_with_its_checks_and_this_machine_never(cluster, workspace, bob):
    targets.remove_target(cluster, bob)
    assert not TargetCheck.objects.exists()
    assert Event.objects.get(action="target.deleted").subject_label == "cluster"
    with pytest.raises(Conflict, match="this machine"):
        targets.remove_target(local_target(workspace), bob)


def test_every_workspace_has_the_local_target(workspace):
    assert [target.name for target in targets.list_targets(workspace)] == ["local"]
