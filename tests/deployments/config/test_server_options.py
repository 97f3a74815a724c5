"""Options of the scoring server on their way from a deployment config to run.json."""

import msgspec
import pytest

from deployments.config import deployment_config, server_options
from deployments.errors import BadDeploymentConfig
from deployments.recipe.spec import ServiceSpec, limits_of
from deployments.targets.local.run_folder import run_settings
from scoring.contract import ServerOptions

CHOSEN = {
    "batching": {"rows": 16, "delay_seconds": 0.005, "pad": {"tokens": 0}},
    "cors_origins": ["https://example.com"],
    "collect": {"fraction": 0.1},
    "queue_limit": 4,
    "log_format": "json",
    "providers": ["cuda", "cpu"],
    "warm_up": {"body": {"data": [[1, 2.0, None, "é"]]}, "path": "/v2/models/iris/infer", "runs": 5},
}


def test_what_is_chosen_is_kept_and_what_is_default_left_out():
    given = CHOSEN | {"access_log": False}

    assert server_options.checked(given) == CHOSEN


def test_a_part_that_is_off_by_default_is_turned_on_by_being_named():
    assert server_options.checked({"collect": {}, "batching": {}}) == {"collect": {}}


def test_a_config_without_options_stays_as_it_was():
    config = deployment_config.complete({"server": {}}, [], start_deadline=300)

    assert "server" not in config


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("fast", "must be an object"),
        ({"turbo": True}, "no option 'turbo'"),
        ({"batching": {"colour": 1}}, "no option 'batching.colour'"),
        ({"collect": {"share": 1}}, "no option 'collect.share'"),
        ({"queue_limit": 0}, "server.queue_limit: Expected `int` >= 1."),
        ({"queue_limit": "4"}, "server.queue_limit: Expected `int`, got `str`."),
        ({"batching": {"delay_seconds": 60}}, "server.batching.delay_seconds: Expected `float` <= 10.0."),
        ({"collect": {"fraction": 1.5}}, "server.collect.fraction: "),
        ({"providers": ["abacus"]}, "server.providers[0]: Invalid enum value 'abacus'."),
        ({"warm_up": [1]}, "server.warm_up: Expected `object | null`, got `array`."),
        ({"warm_up": {"runs": 2}}, "server.warm_up: Object missing required field `body`."),
        ({"warm_up": {"body": 1, "sample": 2}}, "no option 'warm_up.sample'"),
        ({"warm_up": {"body": 1, "runs": 0}}, "server.warm_up.runs: Expected `int` >= 1."),
        ({"warm_up": {"body": 1, "runs": 101}}, "server.warm_up.runs: Expected `int` <= 100."),
        ({"warm_up": {"body": 1, "path": "/metrics"}}, "server.warm_up.path: Expected `str` matching regex"),
        ({"warm_up": {"body": 1, "path": "/v2/models/a b/infer"}}, "server.warm_up.path: "),
        ({"warm_up": {"body": [float("nan")]}}, "server.warm_up.body is no JSON"),
        ({"warm_up": {"body": 2**64}}, "server.warm_up.body is no JSON"),
        ({"warm_up": {"body": "\ud800"}}, "server.warm_up.body is no JSON"),
        ({"warm_up": {"body": "\0"}}, "NUL"),
        ({"warm_up": {"body": ["x" * 1024] * 1024}}, "it may have 1048576"),
        ({"cors_origins": "https://example.com"}, "server.cors_origins: Expected `array`, got `str`."),
    ],
)
def test_what_cannot_be_is_named(given, words):
    with pytest.raises(BadDeploymentConfig) as caught:
        server_options.checked(given)

    assert words in str(caught.value.message)
    assert caught.value.field == "server"


@pytest.mark.parametrize("body", [None, {}, [], "", 0, False, {"unknown": {"colour": 1}}])
def test_any_json_may_be_the_sample_to_warm_up_with(body):
    given = {"warm_up": {"body": body}}

    assert server_options.checked(given | {"access_log": False}) == given
    assert server_options.checked({"warm_up": None}) == {}


def test_the_options_reach_the_specification_and_every_one_is_known_to_the_server():
    config = deployment_config.complete({"server": CHOSEN}, [], start_deadline=300)

    assert limits_of(config)["server"] == CHOSEN
    assert set(CHOSEN) <= set(ServerOptions.__struct_fields__)


def test_the_local_target_writes_them_into_what_its_server_reads(tmp_path):
    spec = ServiceSpec(
        service_id=1, name="iris", workspace="vision", generation=1, revision=1, recipe="r", kind="no_code",
        bundle=tmp_path, python=tmp_path, port=5001, server=CHOSEN,
    )  # fmt: skip

    written = msgspec.json.decode(msgspec.json.encode(run_settings(spec)))

    assert {name: written[name] for name in CHOSEN} == CHOSEN
