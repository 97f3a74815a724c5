"""The job of a profile over a made-up model: what ends it, what it keeps, and where the next attempt goes on."""

from contextlib import contextmanager

import pytest

from deployments.errors import IsolatedRunFailed
from deployments.isolated_runs.prepared import Prepared
from monitoring.errors import NothingRecommended
from monitoring.models import Profile
from monitoring.profiles import run_profile
from monitoring.profiles.apply import application_of, apply_to
from monitoring.profiles.live_measure import LiveMeasure
from monitoring.profiles.requests import cancel
from studio.activity.models import Event
from studio.core.job_catalogue import kinds
from studio.core.job_runner import run_job
from studio.core.queues import LONG, processes
from tests.deployments.service_factories import deploy
from tests.monitoring.profiles.factories import made_up, make_ended_profile, make_profile
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def iris(workspace):
    return make_version(workspace, "iris")


@pytest.fixture
def measured(monkeypatch):
    """What was measured, in order. `measured.model` is the made-up one, `measured.before` is called each time."""

    class Measured(list):
        model = staticmethod(made_up())
        before = staticmethod(lambda: None)

    found = Measured()

    @contextmanager
    def nowhere(*_):
        yield None

    def measure(self, configuration, load):
        found.before()
        found.append((str(configuration), load))
        return found.model(configuration, load)

    monkeypatch.setattr(run_profile, "isolated_run", nowhere)
    monkeypatch.setattr(run_profile, "prepare", lambda *_: Prepared("bundle", "environment"))
    monkeypatch.setattr(LiveMeasure, "__call__", measure)
    return found


def ended(profile):
    run_job("profile", profile.pk)
    return Profile.objects.get(pk=profile.pk)


def test_what_holds_the_goal_with_the_fewest_cores_is_recommended(measured, workspace, bob, iris):
    found = ended(make_profile(workspace, bob, iris))
    assert (found.state, found.result["verdict"], found.progress) == ("succeeded", "met", 1)
    assert found.result["options"]["cpu"] * found.result["options"]["replicas"] == 1
    assert found.result["options"]["memory_gb"] == pytest.approx(0.25, abs=0.15)
    assert Event.objects.get(action="profile.completed").details["verdict"] == found.result["why"][0]


def test_next_attempt_goes_on_from_what_was_measured(measured, workspace, bob, iris):
    profile = make_profile(workspace, bob, iris)

    def die_at_the_third():
        if len(measured) == 3:
            raise KeyboardInterrupt  # as a killed worker: nothing is written any more

    measured.before = die_at_the_third
    with pytest.raises(KeyboardInterrupt):
        run_job("profile", profile.pk)
    left = Profile.objects.get(pk=profile.pk)
    assert (left.state, len(left.points)) == ("running", 3)

    measured.before = lambda: None
    Profile.objects.update(lease_until="2020-01-01T00:00:00Z")
    found = ended(profile)
    assert (found.state, found.attempt) == ("succeeded", 2)
    assert found.points[:3] == left.points
    assert len(measured) == len(found.points)


def test_cancelled_profile_keeps_what_was_measured(measured, workspace, bob, iris):
    profile = make_profile(workspace, bob, iris)

    def cancel_at_the_third():
        if len(measured) == 2:
            assert cancel(Profile.objects.get(pk=profile.pk), bob)

    measured.before = cancel_at_the_third
    found = ended(profile)
    assert (found.state, found.result, len(found.points)) == ("cancelled", None, 2)
    assert not cancel(found, bob)
    assert Event.objects.filter(action="profile.cancelled").count() == 1


def test_goal_that_cannot_be_met_says_what_is_nearest(measured, workspace, bob, iris):
    measured.model = staticmethod(made_up(run_ms=50.0))
    found = ended(make_profile(workspace, bob, iris))
    assert (found.state, found.result["verdict"], found.result["options"]) == ("succeeded", "not met", None)
    assert "cannot be met" in found.result["why"][0]
    service = deploy(workspace, bob, iris)
    with pytest.raises(NothingRecommended):
        apply_to(found, bob, service.name)


def test_script_that_does_not_start_fails_the_profile_with_its_cause(measured, workspace, bob, iris):
    def fail():
        raise IsolatedRunFailed({"code": "init_failed", "message": "init() raised KeyError.", "hint": "Set MODEL."})

    measured.before = fail
    found = ended(make_profile(workspace, bob, iris))
    assert (found.state, found.error["code"], found.error["hint"]) == ("failed", "init_failed", "Set MODEL.")
    assert Event.objects.get(action="profile.failed").details["code"] == "init_failed"


def test_error_of_our_own_is_told_as_one(measured, workspace, bob, iris):
    def fail():
        raise OSError("the socket is none of the replica's")

    measured.before = fail
    found = ended(make_profile(workspace, bob, iris))
    assert (found.state, found.error["code"], found.error["turn"]) == ("failed", "internal", "us")
    assert "OSError" in found.error["evidence"]


def test_one_profile_at_a_time_on_a_machine_and_the_others_know_how_many_are_before_them(workspace, bob, iris):
    first, second = make_profile(workspace, bob, iris), make_profile(workspace, bob, iris)
    assert [kind.queue for kind in kinds() if kind.name == "profile"] == [LONG]
    assert processes(LONG) == 1
    assert (first.ahead(), second.ahead()) == (0, 1)


def test_applied_profile_changes_resources_and_nothing_else(workspace, bob, iris):
    service = deploy(
        workspace, bob, iris, deployment_config={"cpu": 3, "memory_gb": 4, "environment_variables": {"A": "b"}}
    )
    profile = make_ended_profile(workspace, bob, iris)
    changes = {one.label: (one.before, one.after) for one in application_of(profile, service).changes}
    assert changes["CPU"] == ("3 cores", "1 core")
    revision = apply_to(profile, bob)
    config = revision.deployment_config
    assert (revision.number, config["cpu"], config["environment_variables"]) == (2, 1, {"A": "b"})
    assert revision.config == service.revisions.get(number=1).config
    service.refresh_from_db()
    assert application_of(profile, service).changes == []


def test_service_that_scales_by_its_load_keeps_doing_so(workspace, bob, iris):
    service = deploy(workspace, bob, iris, deployment_config={"min_replicas": 1, "max_replicas": 3})
    profile = make_ended_profile(workspace, bob, iris)
    profile.result["options"]["replicas"] = 5
    config = application_of(profile, service).after
    assert ("replicas" in config, config["max_replicas"]) == (False, 5)
