"""`slipway registry`: what people type, and what the studio is asked."""

import json

import httpx
import pytest

ROW = {"name": "company", "address": "r.example", "username": "ci", "has_password": True, "push": True}


@pytest.fixture
def registries(deployed):
    deployed.calls = []

    def answer(request, rest):
        body = json.loads(request.content) if request.content else None
        deployed.calls.append((request.method, rest, body))
        if request.method == "GET":
            return httpx.Response(200, json={"count": 1, "next": None, "previous": None, "results": [ROW]})
        if request.method == "DELETE":
            return httpx.Response(204)
        return httpx.Response(201, json=ROW)

    deployed.on_registries = answer
    return deployed


def test_password_comes_from_standard_input_only(slipway, registries):
    answer = slipway(
        "registry",
        "add",
        "company",
        "--address",
        "r.example",
        "-u",
        "ci",
        "--password-stdin",
        "--push",
        stdin=b"secret\n",
    )
    assert answer.code == 0, answer.err
    sent = {"name": "company", "address": "r.example", "username": "ci", "password": "secret", "push": True}
    assert registries.calls == [("POST", "", sent)]
    assert "secret" not in answer.out


def test_list_shows_where_images_go(slipway, registries):
    answer = slipway("registry", "list")
    assert (answer.code, "r.example" in answer.out) == (0, True)


def test_update_sends_what_is_given(slipway, registries):
    assert slipway("registry", "update", "company", "--no-push").code == 0
    assert registries.calls == [("PATCH", "company", {"push": False})]
    assert slipway("registry", "update", "company").code == 2


def test_remove_asks_first(slipway, registries):
    assert slipway("registry", "remove", "company").code == 2
    assert slipway("registry", "remove", "company", "--yes").code == 0
    assert registries.calls == [("DELETE", "company", None)]
