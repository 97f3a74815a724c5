"""`slipway service rollout`."""

import json

import httpx
import pytest

GUARD = {
    "name": "errors",
    "figure": 5.12,
    "limit": 0.7,
    "control": 0.5,
    "unit": "%",
    "requests": 1250,
    "verdict": "good",
}
ROLLOUT = {
    "revision": 2,
    "control": 1,
    "phase": "judging",
    "paused": False,
    "percent": 25.0,
    "step": 2,
    "steps": [{"percent": percent, "bake_seconds": 60.0, "expected_seconds": None} for percent in (5, 25, 100)],
    "guards": [GUARD],
    "why": "30 s of 60 s, 1,250 requests.",
    "warning": "",
}


@pytest.fixture
def answers(deployed):
    """`answers("GET", {...})`: the next answer of the studio to such a request for the rollout."""

    def give(verb, rollout, ending="/rollout"):
        deployed.faults.append((verb, ending, httpx.Response(200, json=ROLLOUT | rollout)))

    return give


def test_how_a_rollout_stands(slipway, answers):
    answers("GET", {})
    shown = slipway("service", "rollout", "show", "iris")

    assert shown.code == 0
    for line in ("2 instead of 1", "judging", "2 of 3", "25 %", "30 s of 60 s, 1,250 requests."):
        assert line in shown.out
    assert "5.12 %\t0.7 %\t0.5 %\t1250\tgood" in shown.out


def test_guard_that_has_seen_too_little_has_no_figure(slipway, answers):
    answers("GET", {"guards": [GUARD | {"figure": None, "verdict": "unknown"}]})
    assert "errors\t–\t0.7 %\t0.5 %\t1250\tnot enough data yet" in slipway("service", "rollout", "show", "iris").out


@pytest.mark.parametrize("verb", ["pause", "resume", "advance", "abort"])
def test_verbs_of_a_rollout(slipway, deployed, answers, verb):
    answers("POST", {"phase": "aborted"}, f"/rollout/{verb}")

    assert slipway("service", "rollout", verb, "iris").code == 0
    assert ("POST", f"workspaces/vision/services/iris/rollout/{verb}") in deployed.requests


@pytest.mark.parametrize(("phase", "code"), [("done", 0), ("rolled_back", 1), ("held", 1)])
def test_waiting_for_a_rollout_tells_how_it_ended(slipway, answers, phase, code):
    answers("POST", {"phase": "waiting"})
    answers("GET", {"phase": "judging"})
    answers("GET", {"phase": phase})

    ended = slipway("service", "rollout", "start", "iris", "2", "--steps", "10,100", "--bake", "1m", "--wait")

    assert ended.code == code


def test_shadow_step_comes_first(slipway, deployed, answers):
    answers("POST", {})
    slipway("service", "rollout", "start", "iris", "2", "--steps", "50", "--bake", "60", "--shadow", "20")

    assert json.loads(deployed.bodies[-1])["steps"] == [
        {"percent": 0, "mirror_percent": 20, "bake_seconds": 60},
        {"percent": 50, "bake_seconds": 60},
    ]


def test_steps_guards_and_the_warm_up_may_have_their_own(slipway, deployed, answers):
    answers("POST", {})
    typed = [
        "--steps",
        "5:10m,100:0",
        "--shadow",
        "20:1h",
        "--guard",
        "time:metric=latency,quantile=0.99",
        "--warm",
        "0",
    ]
    assert slipway("service", "rollout", "start", "iris", "2", *typed).code == 0

    sent = json.loads(deployed.bodies[-1])
    assert [(step["percent"], step["bake_seconds"]) for step in sent["steps"]] == [(0, 3600), (5, 600), (100, 0)]
    assert sent["guards"] == [{"kind": "time", "metric": "latency", "quantile": 0.99}]
    assert sent["warm_requests"] == 0


@pytest.mark.parametrize(
    "wrong", [("--steps", "5,many"), ("--bake", "soon"), ("--guard", "errors:ratio=high"), ("--steps", "5:soon")]
)
def test_steps_and_times_that_are_none_are_refused(slipway, deployed, wrong):
    refused = slipway("service", "rollout", "start", "iris", "2", *wrong)

    assert refused.code != 0
    assert wrong[1].rpartition(":")[2] in refused.err
