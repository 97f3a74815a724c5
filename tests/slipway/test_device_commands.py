"""`slipway device`: what people type, and what reaches the studio."""

import json

import httpx
import pytest

SERVICE = {"service": "iris", "desired": 2, "running": 1, "state": "failed", "problem": {"message": "No."}}
DEVICE = {"name": "hall-3", "labels": ["canary"], "key_hint": "slwd_abcde", "online": True, "problem": None}
DEVICE |= {"last_seen_at": "2026-11-29T12:00:00Z", "services": [SERVICE]}
ROLLOUT = {"service": "iris", "state": "stopped", "stable": 1, "next": 2, "wave": "25%", "waves": ["25%", "100%"]}
ROLLOUT |= {"reached": 4, "healthy": 3, "failed": 1, "reason": "It does not run on hall-3: No."}
AGENT = {"studio": "https://studio", "device": "5", "key": "slwd_secret", "public_key": "k"}


@pytest.fixture
def plant(deployed):
    """A studio with an edge target; `asked` are the changes."""
    deployed.asked = []

    def answer(request, rest):
        if request.method == "GET":
            rows = [ROLLOUT] if rest.endswith("rollouts") else {"results": [DEVICE], "next": None}
            return httpx.Response(200, json=rows)
        deployed.asked.append((request.method, rest, json.loads(request.content or b"null")))
        if request.method == "DELETE":
            return httpx.Response(204)
        makes_key = rest.endswith(("/devices", "/regenerate-key"))
        return httpx.Response(200, json={"name": "hall-3", "agent": AGENT} if makes_key else DEVICE)

    deployed.on_targets = answer
    return deployed


def test_devices_are_listed_with_desired_against_running(slipway, plant):
    answer = slipway("device", "list", "plant")

    assert answer.code == 0, answer.err
    assert "iris 1/2 failed" in answer.out


def test_agent_file_is_for_its_owner_alone(slipway, plant, tmp_path):
    place = tmp_path / "agent.json"

    answer = slipway("device", "add", "plant", "hall-3", "--label", "canary", "--file", place)

    assert answer.code == 0, answer.err
    assert plant.asked == [("POST", "plant/devices", {"name": "hall-3", "labels": ["canary"]})]
    assert json.loads(place.read_text()) == AGENT
    assert place.stat().st_mode & 0o777 == 0o600
    assert "slwd_secret" not in answer.out


def test_file_that_exists_is_found_before_a_key_is_made(slipway, plant, tmp_path):
    place = tmp_path / "agent.json"
    place.write_text("mine")

    answer = slipway("device", "regenerate-key", "plant", "hall-3", "--file", place)

    assert (answer.code, plant.asked, place.read_text()) == (5, [], "mine")


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        (["label", "plant", "hall-3", "--label", "north"], ("PATCH", "plant/devices/hall-3", {"labels": ["north"]})),
        (["revoke-key", "plant", "hall-3", "--yes"], ("POST", "plant/devices/hall-3/revoke-key", None)),
        (["remove", "plant", "hall-3", "--yes"], ("DELETE", "plant/devices/hall-3", None)),
        (["resume", "plant", "iris"], ("POST", "plant/device-rollouts/iris/resume", None)),
    ],
)
def test_changes_reach_the_studio(slipway, plant, typed, asked):
    answer = slipway("device", *typed)

    assert answer.code == 0, answer.err
    assert plant.asked == [asked]


def test_stopped_rollout_is_listed_with_its_reason(slipway, plant):
    answer = slipway("device", "rollouts", "plant")

    assert "It does not run on hall-3" in answer.out
