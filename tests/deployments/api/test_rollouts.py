"""Rollouts over REST."""

import pytest

from deployments.models import Rollout
from tests.deployments.service_factories import deploy

pytestmark = pytest.mark.django_db
PLACE = "/api/v1/workspaces/vision/services/iris/rollout"


@pytest.fixture
def both(workspace, bob, iris, fake, service):
    fake.visit(service, 5)
    deploy(workspace, bob, iris, overwrite=True, target=fake.target, traffic=0)
    return fake.visit(service, 5)


def test_rollout_is_started_and_shown(api, bob, carol, both):
    steps = [{"percent": 10, "bake_seconds": 60}, {"percent": 100, "bake_seconds": 0}]
    guards = [{"kind": "time", "ratio": 1.5, "quantile": 0.99}]
    started = api(bob).post(PLACE, {"revision": 2, "steps": steps, "guards": guards, "reason": "faster"})

    assert started.status_code == 201
    shown = api(carol).get(PLACE).json()
    assert shown == started.json()
    assert {key: shown[key] for key in ("revision", "control", "phase", "percent", "step", "reason", "started_by")} == {
        "revision": 2,
        "control": 1,
        "phase": "waiting",
        "percent": 0,
        "step": 0,
        "reason": "faster",
        "started_by": "bob",
    }
    assert [(step["percent"], step["bake_seconds"]) for step in shown["steps"]] == [(10, 60), (100, 0)]
    assert Rollout.objects.get().plan["guards"] == [{"kind": "time", "ratio": 1.5, "quantile": 0.99}]


def test_guard_of_an_event_names_it(api, bob, both):
    guards = [{"kind": "event", "event": "fallback", "difference": 0.01}]
    assert api(bob).post(PLACE, {"revision": 2, "guards": guards}).status_code == 201
    assert Rollout.objects.get().plan["guards"] == guards

    for wrong in ({"kind": "event"}, {"kind": "errors", "event": "fallback"}, {"kind": "event", "event": "a b"}):
        assert api(bob).post(PLACE, {"revision": 2, "guards": [wrong]}).status_code == 400


def test_steps_may_be_left_out(api, bob, both):
    shown = api(bob).post(PLACE, {"revision": 2}).json()

    assert [step["percent"] for step in shown["steps"]] == [5, 25, 50, 100]


def test_verbs_answer_how_it_stands(api, bob, both):
    api(bob).post(PLACE, {"revision": 2})

    assert api(bob).post(f"{PLACE}/pause").json()["paused"] is True
    assert api(bob).post(f"{PLACE}/resume").json()["paused"] is False
    assert api(bob).post(f"{PLACE}/advance").status_code == 400
    assert api(bob).post(f"{PLACE}/abort").json()["phase"] == "aborted"
    assert api(bob).post(f"{PLACE}/abort").status_code == 404


def test_rollout_over_a_running_one_is_refused_and_names_it(api, bob, both):
    api(bob).post(PLACE, {"revision": 2})
    refused = api(bob).post(PLACE, {"revision": 2})

    assert refused.status_code == 409
    assert "the rollout to revision 2 is under way" in refused.json()["errors"][0]["detail"]


def test_service_without_a_rollout(api, carol, both):
    assert api(carol).get(PLACE).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"revision": 9},
        {"revision": 1},
        {"revision": 2, "steps": [{"percent": 150}]},
        {"revision": 2, "steps": []},
        {"revision": 2, "guards": [{"kind": "mood"}]},
        {"revision": 2, "guards": [{"kind": "errors", "ratio": 0}]},
    ],
)
def test_impossible_rollouts_are_refused(api, bob, both, wrong):
    assert api(bob).post(PLACE, wrong).status_code in {400, 404}
    assert not Rollout.objects.exists()
