"""Asking for profiles: what is taken, what is refused, and what is sent."""

import pytest

from deployments.config import configs
from deployments.models import Target
from monitoring.models import Profile
from monitoring.profiles import bodies
from monitoring.profiles.azure import as_azure
from monitoring.profiles.requests import ProfileRequest, ask_again, find_profile, request_profile
from registry.environments import environments
from studio.core.errors import BadInput, Conflict, NotFound
from tests.deployments.service_factories import deploy
from tests.monitoring.profiles.factories import make_ended_profile, make_profile
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db
SCRIPT = b"def init(): ...\n\ndef run(data): ...\n"


@pytest.fixture
def iris(workspace):
    return make_version(workspace, "iris")


@pytest.fixture
def ask(workspace, bob, iris):
    return lambda **asked: request_profile(workspace, bob, ProfileRequest(**asked))


def test_profile_of_a_version_has_a_goal_and_limits_without_any_being_named(ask):
    made = ask(model="iris:1")
    assert made.goal == {"p99": 100.0, "rate": 50.0}
    assert made.limits == {"seconds": 300.0, "cpu": None, "memory_gb": None, "replicas": None}
    assert made.bodies["source"] == "a request made from the signature"
    assert (made.state, made.kind) == ("queued", "profile")


def test_profile_of_a_service_is_of_what_it_wants_with_its_options(ask, workspace, bob, iris):
    deploy(workspace, bob, iris, name="flowers", deployment_config={"cpu": 2, "memory_gb": 3})
    made = ask(service="flowers")
    assert (made.revision.number, made.options["memory_gb"], made.subject) == (1, 3, "flowers, revision 1")


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "model"),
        ({"model": "iris:1", "service": "flowers"}, "model"),
        ({"model": "iris:1", "rate": 0.0}, "rate"),
        ({"model": "iris:1", "latency_ms": float("nan")}, "latency_ms"),
        ({"model": "iris:1", "seconds": 1e9}, "seconds"),
        ({"model": "iris:1", "name": "no name"}, "name"),
        ({"model": "iris:1", "requests": ["{}", "  "]}, "requests"),
        ({"model": "iris:1", "requests": ["{}"] * 1001}, "requests"),
        ({"model": "iris:1", "target": "plant"}, "target"),
    ],
)
def test_what_cannot_be_measured_is_refused_with_its_field(ask, workspace, asked, field):
    Target.objects.create(workspace=workspace, name="plant", kind="edge")
    with pytest.raises(BadInput) as raised:
        ask(**asked)
    assert raised.value.field == field
    assert not Profile.objects.exists()


@pytest.mark.parametrize(
    "asked", [{"model": "iris:2"}, {"service": "none"}, {"model": "iris:1", "target": "nowhere"}], ids=str
)
def test_what_there_is_not_is_not_found(ask, asked):
    with pytest.raises(NotFound):
        ask(**asked)


def test_script_needs_a_request(ask, workspace, bob):
    config = configs.create(
        workspace=workspace,
        actor=bob,
        name="script",
        kind="entry_script",
        entry_script="score.py",
        files={"score.py": SCRIPT},
        environment=environments.curated(workspace),
    )
    with pytest.raises(BadInput, match="what a request looks like"):
        ask(model="iris:1", config=str(config))
    assert ask(model="iris:1", config=str(config), requests=["[1]", "[2]"]).bodies["texts"] == ["[1]", "[2]"]


def test_bodies_are_limited_in_bytes(monkeypatch):
    monkeypatch.setattr(bodies, "MOST_BYTES", 10)
    with pytest.raises(BadInput):
        bodies.given_bodies(["ä" * 6])


def test_name_is_given_once_and_finds_the_profile(ask, workspace, elsewhere):
    made = ask(model="iris:1", name="first")
    with pytest.raises(Conflict, match="'first'"):
        ask(model="iris:1", name="first")
    assert find_profile(workspace, "first") == find_profile(workspace, made.pk) == made
    with pytest.raises(NotFound):
        find_profile(elsewhere, made.pk)


def test_again_asks_for_the_same(ask, bob):
    made = ask(model="iris:1", name="first", latency_ms=20, rate=500, requests=["{}"])
    again = ask_again(made, bob)
    assert (again.goal, again.bodies, again.name, again.pk != made.pk) == (made.goal, made.bodies, "", True)


def test_result_has_the_fields_of_azure(workspace, bob, iris):
    waiting = as_azure(make_profile(workspace, bob, iris))
    assert (waiting["state"], "recommendedCpu" in waiting) == ("NotStarted", False)
    found = as_azure(make_ended_profile(workspace, bob, iris, name="first"))
    assert (found["name"], found["state"], found["requestedQueriesPerSecond"]) == ("first", "Succeeded", 500.0)
    assert found["successQueries"] == found["totalQueries"] > 0
    assert found["successRate"] == 100
    assert found["latencyPercentile50InMs"] < found["latencyPercentile99InMs"] < found["latencyPercentile999InMs"]
    assert found["recommendedCpu"] >= 1
    assert found["recommendedMemoryInGB"] > found["maxUtilizedMemoryInGB"] > 0
