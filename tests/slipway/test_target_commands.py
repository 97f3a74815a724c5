"""`slipway target`: list, show, add, check, remove, kinds."""

import json

import httpx

from tests.slipway.fake import error

CHECK = {
    "id": 3,
    "state": "succeeded",
    "problems": [],
    "error": None,
    "created_at": "2026-11-01T12:00:00Z",
    "finished_at": "2026-11-01T12:00:01Z",
}
TARGET = {
    "name": "cluster",
    "kind": "docker",
    "kind_title": "Docker",
    "settings": {"network": "models", "token": {"set": True}},
    "services": 2,
    "last_check": CHECK,
}
KINDS = [
    {
        "kind": "docker",
        "title": "Docker",
        "settings": [{"name": "replicas", "type": "integer"}, {"name": "pull", "type": "boolean"}],
    }
]


def answers(studio, *given):
    """Let the studio answer these calls: (method, ending of the path, status, document)."""
    studio.faults = [(method, path, httpx.Response(status, json=body)) for method, path, status, body in given]


def sent(studio):
    return [(method, path.removeprefix("workspaces/vision/")) for method, path in studio.requests]


def test_list_shows_kind_services_and_the_last_check(slipway, signed_in):
    rows = [TARGET, TARGET | {"name": "local", "kind": "local", "services": 0, "last_check": None}]
    answers(signed_in, ("GET", "targets", 200, {"results": rows, "next": None}))
    shown = slipway("target", "list").out.splitlines()[1:]
    assert shown == ["cluster\tdocker\t2\tready", "local\tlocal\t0\tnot checked yet"]


def test_show_never_shows_a_secret(slipway, signed_in):
    answers(signed_in, ("GET", "targets/cluster", 200, TARGET))
    shown = slipway("target", "show", "cluster").out
    assert "models" in shown
    assert "token" in shown
    assert "set" in shown


def test_check_waits_for_the_end_and_exits_with_1_on_problems(slipway, signed_in):
    found = CHECK | {"problems": ["The engine does not answer at tcp://10.0.0.1:2375."]}
    answers(
        signed_in,
        ("POST", "targets/cluster/check", 202, CHECK | {"state": "queued"}),
        ("GET", "targets/cluster", 200, TARGET | {"last_check": CHECK | {"state": "running"}}),
        ("GET", "targets/cluster", 200, TARGET | {"last_check": found}),
    )
    answer = slipway("target", "check", "cluster")
    assert answer.code == 1
    assert "cluster has problems:" in answer.out
    assert "The engine does not answer" in answer.err


def test_check_does_not_take_an_older_check_for_its_own(slipway, signed_in):
    answers(
        signed_in,
        ("POST", "targets/cluster/check", 202, CHECK | {"id": 4, "state": "queued"}),
        ("GET", "targets/cluster", 200, TARGET),
        ("GET", "targets/cluster", 200, TARGET | {"last_check": CHECK | {"id": 4}}),
    )
    answer = slipway("target", "check", "cluster", "--json")
    assert (answer.code, json.loads(answer.out)["id"]) == (0, 4)


def test_add_sends_settings_in_their_declared_types(slipway, signed_in):
    bodies = []
    signed_in.on_targets = lambda request, rest: (
        bodies.append(json.loads(request.content)) or httpx.Response(201, json=TARGET)
    )
    answers(
        signed_in,
        ("GET", "target-kinds", 200, KINDS),
        ("POST", "targets/cluster/check", 202, CHECK),
        ("GET", "targets/cluster", 200, TARGET),
    )
    added = slipway("target", "add", "cluster", "--kind", "docker", "--set", "replicas=3", "--set", "pull=yes")
    assert (added.code, added.out.strip()) == (0, "Added cluster. cluster is ready: services can run there.")
    assert bodies == [{"name": "cluster", "kind": "docker", "settings": {"replicas": 3, "pull": True}}]


def test_add_refuses_a_value_of_another_type_before_anything_is_sent(slipway, signed_in):
    answers(signed_in, ("GET", "target-kinds", 200, KINDS))
    answer = slipway("target", "add", "cluster", "--kind", "docker", "--set", "replicas=many")
    assert answer.code == 2
    assert "The setting 'replicas' is of the type integer: 'many' is none." in answer.err
    assert sent(signed_in) == [("GET", "target-kinds")]


def test_update_sends_only_the_settings_that_are_given_and_checks(slipway, signed_in):
    bodies = []
    signed_in.on_targets = lambda request, rest: (
        bodies.append(json.loads(request.content)) or httpx.Response(200, json=TARGET)
    )
    answers(
        signed_in,
        ("GET", "target-kinds", 200, KINDS),
        ("GET", "targets/cluster", 200, TARGET),
        ("POST", "targets/cluster/check", 202, CHECK),
        ("GET", "targets/cluster", 200, TARGET),
    )
    changed = slipway("target", "update", "cluster", "--set", "replicas=3")
    assert (changed.code, changed.out.strip()) == (0, "Changed cluster. cluster is ready: services can run there.")
    assert bodies == [{"settings": {"replicas": 3}}]


def test_remove_says_what_uses_the_target(slipway, signed_in):
    signed_in.faults = [("DELETE", "targets/cluster", error(409, "conflict", "It is used by iris."))]
    assert slipway("target", "remove", "cluster").code == 2
    answer = slipway("target", "remove", "cluster", "--yes")
    assert answer.code == 5
    assert "It is used by iris." in answer.err
