"""Every verb that lists prints its rows in each format, and what a query selects of them."""

import inspect
import json

import httpx
import pytest
import yaml

from tests.slipway.fake import page
from tests.slipway.test_device_commands import DEVICE, ROLLOUT
from tests.slipway.test_help import COMMANDS
from tests.slipway.test_people_commands import EVENT
from tests.slipway.test_profile_commands import PROFILE
from tests.slipway.test_registry_commands import ROW
from tests.slipway.test_target_commands import KINDS, TARGET

ARGUMENTS = {
    "service revisions": ["iris"],
    "client-key list": ["iris"],
    "device list": ["plant"],
    "device rollouts": ["plant"],
}


def lists(command):
    return "output.rows(" in inspect.getsource(inspect.unwrap(command.callback))


VERBS = [param.id for param in COMMANDS if lists(param.values[1])]


@pytest.fixture
def full(slipway, deployed, tmp_path):
    """A studio that holds one thing or two of every kind."""
    source, requirements = tmp_path / "source", tmp_path / "requirements.txt"
    source.mkdir()
    (source / "score.py").write_text("def init(): ...\ndef run(data): ...\n")
    requirements.write_text("joblib")
    for made in (
        ["environment", "create", "-n", "tools", "--requirements", requirements],
        ["config", "create", "-n", "iris", "--entry-script", "score.py", "--source-dir", source],
        ["token", "create", "ci"],
        ["member", "invite"],
        ["client-key", "create", "iris", "shop"],
    ):
        answer = slipway(*made)
        assert answer.code == 0, answer.err
    revision = {"number": 1, "models": ["iris:1"], "state": "Healthy", "share": 100, "can_roll_back": False}
    deployed.revisions = [revision | {"reason": "", "created_by": "alice", "created_at": "2026-11-21T04:00:00Z"}] * 2
    deployed.events = [EVENT] * 2
    deployed.on_targets = _targets
    deployed.on_registries = lambda request, rest: page(request, [ROW])
    deployed.on_profiles = lambda request, rest: page(request, [PROFILE])
    deployed.on_target_kinds = lambda request, rest: httpx.Response(200, json=KINDS)
    return deployed


def _targets(request, rest):
    """The list of targets, or what belongs to one."""
    if rest.endswith("/devices"):
        return page(request, [DEVICE])
    return httpx.Response(200, json=[ROLLOUT]) if rest.endswith("/device-rollouts") else page(request, [TARGET])


@pytest.fixture(params=VERBS)
def listed(request, slipway, full):
    """`listed("-o", "json")`: what the verb prints with these options."""

    def run(*options):
        answer = slipway(*request.param.split(), *ARGUMENTS.get(request.param, []), *options)
        assert (answer.code, answer.err) == (0, "")
        return answer.out

    return run


def test_rows_in_each_format(listed):
    rows = json.loads(listed("-o", "json"))
    assert rows
    assert rows == yaml.safe_load(listed("-o", "yaml")) == json.loads(listed("--json"))

    heading, *lines = listed().splitlines()
    assert listed("-o", "tsv").splitlines() == lines
    assert [len(line.split("\t")) for line in lines] == [len(heading.split("\t"))] * len(rows)

    table, ruler, *drawn = listed("-o", "table").splitlines()
    assert (table.split(), set(ruler)) == (heading.lower().split(), {"-", " "})
    assert len(drawn) == len(rows)


def test_query_selects_from_all_rows(listed):
    rows = json.loads(listed("-o", "json"))
    key = next(iter(rows[0]))
    assert json.loads(listed("--query", f'[]."{key}"')) == [row[key] for row in rows]
    assert yaml.safe_load(listed("--query", "[0]", "-o", "yaml")) == rows[0]
    assert listed("--query", "length(@)", "-o", "tsv") == f"{len(rows)}\n"
    assert listed("--query", f'[].{{first: "{key}"}}', "-o", "table").splitlines()[0].strip() == "first"


def test_the_verbs_that_list_are_found():
    named = {param.id for param in COMMANDS if param.id.endswith(" list")}
    assert named | {"activity", "service revisions", "target kinds", "member invitations", "device rollouts"} == set(
        VERBS
    )
