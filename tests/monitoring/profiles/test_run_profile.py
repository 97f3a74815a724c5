"""Profiles of real processes at this machine, by the real generator, with small budgets."""

import pytest
from django.conf import settings

from deployments.config import configs
from deployments.models import IsolatedRun, Service
from deployments.services.create import local_target
from deployments.targets.local import process
from deployments.targets.local.run_folder import RunFolder
from monitoring.models import Profile
from monitoring.profiles import live_measure
from monitoring.profiles.requests import ProfileRequest, request_profile
from registry.environments import environments
from studio.activity.models import Event
from studio.core.job_runner import run_job
from tests.deployments.service_factories import deploy, make_fake_target
from tests.registry.factories import make_version
from tests.targets.fake.driver import unregister_fake

pytestmark = pytest.mark.django_db
ENDLESS = b"def init(): ...\n\ndef run(data):\n    while True: ...\n"
HOG = b"kept = []\n\ndef init(): ...\n\ndef run(data):\n    kept.append(bytearray(40_000_000))\n    return len(kept)\n"
BODY = '{"data": [[1, 2, 3, 4]]}'


@pytest.fixture(autouse=True)
def _end_what_was_started():
    yield
    for lock in (settings.DATA_DIR / "services").rglob("lock"):
        process.kill(RunFolder(lock.parent.parent))


@pytest.fixture
def profiled(workspace, bob):
    """`profiled(model="iris:1")`: a profile that has ended."""

    def make(**asked):
        made = request_profile(workspace, bob, ProfileRequest(**{"seconds": 40, "cpu": 1} | asked))
        run_job("profile", made.pk)
        assert not IsolatedRun.objects.exists()
        return Profile.objects.get(pk=made.pk)

    return make


@pytest.fixture
def script(workspace, bob):
    """`script(source)` is the reference of an inference config."""

    def make(source):
        return str(
            configs.create(
                workspace=workspace,
                actor=bob,
                name="script",
                kind="entry_script",
                entry_script="score.py",
                files={"score.py": source},
                environment=environments.curated(workspace),
            )
        )

    return make


def test_profile_recommends_what_was_seen_to_hold_the_goal(profiled, workspace):
    make_version(workspace, "iris")
    found = profiled(model="iris:1", latency_ms=500, rate=20)
    assert (found.state, found.error) == ("succeeded", None)
    assert found.result["verdict"] == "met"
    assert found.result["options"]["cpu"] == 1
    assert found.result["recommendation"]["measured"]["p99"] < 500
    assert 0.1 <= found.result["options"]["memory_gb"] < 2
    assert found.cold_start_seconds > 0
    assert found.samples
    assert Service.objects.count() == 0
    assert [event.action for event in Event.objects.order_by("id")][-2:] == ["profile.created", "profile.completed"]


def test_endless_loop_in_run_ends_as_nothing_answered(profiled, workspace, script, monkeypatch):
    monkeypatch.setattr(live_measure, "TIMEOUT_SECONDS", 1.0)
    make_version(workspace, "iris")
    found = profiled(model="iris:1", config=script(ENDLESS), requests=[BODY])
    assert (found.state, found.error["code"]) == ("failed", "nothing_answered")
    assert "timeout" in found.error["message"] or "did not" in found.error["message"]


def test_script_that_takes_more_memory_than_the_limit_is_told_so(profiled, workspace, script):
    make_version(workspace, "iris")
    found = profiled(model="iris:1", config=script(HOG), requests=[BODY], memory_gb=0.4, seconds=20)
    told = str(found.error) + str(found.result) + str([point["measured"] for point in found.points])
    assert "memory" in told.lower()
    assert found.result is None or found.result["options"] is None


def test_target_that_does_not_answer_fails_the_profile(profiled, workspace, monkeypatch):
    fake = make_fake_target(workspace, monkeypatch)
    fake.behave("away")
    make_version(workspace, "iris")
    try:
        found = profiled(model="iris:1", target="fake")
    finally:
        unregister_fake()
    assert (found.state, found.error["code"]) == ("failed", "target_unavailable")
    assert "away on purpose" in found.error["evidence"]


def test_revision_is_measured_at_the_target_and_with_the_options_of_its_service(profiled, workspace, bob):
    version = make_version(workspace, "iris")
    deploy(workspace, bob, version, name="flowers", deployment_config={"processes": 1, "cpu": 1})
    found = profiled(service="flowers", latency_ms=500, rate=20, seconds=40)
    assert (found.subject, found.target) == ("flowers, revision 1", local_target(workspace))
    assert found.state == "succeeded"
    assert found.result["options"]["processes"] == 1
