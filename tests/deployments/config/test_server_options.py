"""Options of the scoring server on their way from a deployment config to run.json."""

import msgspec
import pytest

from deployments.config import deployment_config, server_options
from deployments.errors import BadDeploymentConfig
from deployments.targets.local.run_folder import Address, run_settings
from tests.targets.specs import make_spec

CHOSEN = {
    "batching": {"rows": 16, "delay_seconds": 0.005, "pad": {"tokens": 0}},
    "cors_origins": ["https://example.com"],
    "collect": {"fraction": 0.1},
    "queue_limit": 4,
    "log_format": "json",
    "providers": ["cuda", "cpu"],
    "warm_up": {"body": {"data": [[1, 2.0, None, "é"]]}, "path": "/v2/models/iris/infer", "runs": 5},
}


def checked(given):
    return server_options.to_json(server_options.checked(given))


def test_defaults_are_not_stored():
    assert checked(CHOSEN | {"access_log": False}) == CHOSEN


def test_empty_object_turns_on_what_is_off_by_default():
    assert checked({"collect": {}, "batching": {}}) == {"collect": {}}


def test_config_without_server_options_stores_none():
    assert "server" not in deployment_config.to_json(deployment_config.complete({"server": {}}))


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
        ({"cors_origins": ["example.com"]}, "server.cors_origins: 'example.com' does not fit."),
    ],
)
def test_invalid_option_is_named(given, words):
    with pytest.raises(BadDeploymentConfig) as caught:
        server_options.checked(given)

    assert words in str(caught.value.message)
    assert caught.value.field == "server"


@pytest.mark.parametrize("body", [None, {}, [], "", 0, False, {"unknown": {"colour": 1}}])
def test_warm_up_body_may_be_any_json(body):
    given = {"warm_up": {"body": body}}

    assert checked(given | {"access_log": False}) == given
    assert checked({"warm_up": None}) == {}


def test_server_options_reach_the_specification():
    config = deployment_config.complete({"server": CHOSEN})

    assert deployment_config.limits_of(config)["server"] == CHOSEN


def test_local_target_writes_server_options_into_run_settings(tmp_path):
    spec = make_spec(server=CHOSEN)

    written = msgspec.json.decode(
        msgspec.json.encode(run_settings(spec, Address("127.0.0.1", 5001), tmp_path, tmp_path / "handover", tmp_path))
    )

    assert {name: written[name] for name in CHOSEN} == CHOSEN
