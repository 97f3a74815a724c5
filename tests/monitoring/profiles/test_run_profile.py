"""A whole profile at this machine: real processes, a real generator, small budgets."""

import pytest
from django.conf import settings

from deployments.models import IsolatedRun, Service
from deployments.targets.local import process
from deployments.targets.local.run_folder import RunFolder
from monitoring.models import Profile
from monitoring.profiles.requests import ProfileRequest, request_profile
from studio.activity.models import Event
from studio.core.job_runner import run_job
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _end_what_was_started():
    yield
    for lock in (settings.DATA_DIR / "services").rglob("lock"):
        process.kill(RunFolder(lock.parent.parent))


@pytest.fixture
def profiled(workspace, bob):
    """`profiled(latency_ms=50)`: a profile of iris:1 that has ended."""

    def make(**asked):
        make_version(workspace, "iris")
        made = request_profile(workspace, bob, ProfileRequest(**{"model": "iris:1", "seconds": 60, "cpu": 1} | asked))
        run_job("profile", made.pk)
        return Profile.objects.get(pk=made.pk)

    return make


def test_profile_recommends_what_was_seen_to_hold_the_goal(profiled):
    found = profiled(latency_ms=500, rate=20)
    assert (found.state, found.error) == ("succeeded", None)
    assert found.result["verdict"] == "met"
    assert found.result["options"]["cpu"] == 1
    assert found.result["recommendation"]["measured"]["p99"] < 500
    assert 0.1 <= found.result["options"]["memory_gb"] < 2
    assert found.cold_start_seconds > 0
    assert found.samples
    assert (Service.objects.count(), IsolatedRun.objects.count()) == (0, 0)
    assert [event.action for event in Event.objects.order_by("id")][-2:] == ["profile.created", "profile.completed"]
