"""`slipway service`: deploy, list, show, score, logs, keys, stop, start, delete."""

import json
from typing import get_args

import httpx
import pytest

from deployments.models import Phase
from slipway import wording
from slipway.commands import service as service_commands
from tests.slipway.fake import answer as own_answer
from tests.slipway.fake import error

GONE = httpx.ConnectError("connection refused")


def test_a_service_is_deployed_and_waited_for(slipway, registered):
    registered.states["iris"] = ["Transitioning", "Transitioning", "Healthy"]
    answer = slipway("service", "deploy", "-n", "iris", "-m", "iris:1", "--wait", "--json")
    assert answer.code == 0
    assert json.loads(answer.out)["state"] == "Healthy"
    assert answer.err.splitlines() == [
        "Deploying iris.",
        "iris: Transitioning, rollout",
        "iris: Healthy, rollout",
    ]


def test_limits_and_variables_go_into_the_deployment_config(slipway, registered):
    options = ["--cpu", "1.5", "--memory-gb", "2", "--no-auth", "--env", "A=1", "--reason", "first", "--processes", "3"]
    slipway("service", "deploy", "-n", "iris", "-m", "iris:1", *options)
    asked = registered.services["iris"]["asked"]
    assert asked["deployment_config"] == {
        "cpu": 1.5,
        "memory_gb": 2,
        "processes": 3,
        "auth": False,
        "environment_variables": {"A": "1"},
    }
    assert (asked["reason"], asked["config"]) == ("first", None)


def test_times_and_sizes_go_into_the_deployment_config(slipway, registered):
    options = ["--start-deadline", "40", "--scoring-timeout", "0.5", "--max-body", "7"]
    slipway("service", "deploy", "-n", "iris", "-m", "iris:1", *options)
    limits = {"start_deadline_seconds": 40, "scoring_timeout_seconds": 0.5, "max_body_mb": 7}
    assert registered.services["iris"]["asked"]["deployment_config"] == limits


def test_an_entry_script_becomes_environment_and_config(slipway, registered, tmp_path):
    source = tmp_path / "source"
    (source / "__pycache__").mkdir(parents=True)
    (source / "__pycache__" / "x.pyc").touch()
    (source / "score.py").write_text("def init(): ...")
    (source / "helper.py").write_text("x = 1")
    (source / "requirements.txt").write_text("# needed\n\nnumpy==2.4.6  # fast\nscikit-learn\n")
    answer = slipway(
        *("service", "deploy", "-n", "iris", "-m", "iris:1", "--entry-script", "score.py", "--source-dir", source),
        *("--requirements", source / "requirements.txt"),
    )
    assert answer.code == 0
    assert registered.environment == {
        "name": "iris",
        "requirements": ["# needed", "", "numpy==2.4.6  # fast", "scikit-learn", ""],
    }
    (config,) = registered.configs
    assert (config["kind"], config["entry_script"], config["environment"]) == ("entry_script", "score.py", "iris:1")
    assert [registered.uploads[key]["path"] for key in config["files"]] == ["helper.py", "requirements.txt", "score.py"]
    assert registered.services["iris"]["asked"]["config"] == "iris:1"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-marked", "utf-16-be-marked", "utf-32", "latin-1"]
)
def test_requirements_of_any_encoding_reach_the_studio_line_by_line(slipway, registered, tmp_path, encoding):
    text = "# größer\r\nidna \\\r\n  >=3\r\n"
    mark = "\ufeff" if encoding.endswith("-marked") else ""
    (tmp_path / "score.py").write_text("def init(): ...")
    (tmp_path / "requirements.txt").write_bytes((mark + text).encode(encoding.removesuffix("-marked")))
    options = ["--entry-script", tmp_path / "score.py", "--requirements", tmp_path / "requirements.txt"]
    assert slipway("service", "deploy", "-n", "i", "-m", "iris:1", *options).code == 0
    assert registered.environment["requirements"] == ["# größer", "idna \\", "  >=3", ""]


def test_requirements_that_are_no_text_are_refused(slipway, registered, tmp_path):
    (tmp_path / "score.py").write_text("def init(): ...")
    (tmp_path / "requirements.txt").write_bytes(b"idna\0")
    options = ["--entry-script", tmp_path / "score.py", "--requirements", tmp_path / "requirements.txt"]
    answer = slipway("service", "deploy", "-n", "i", "-m", "iris:1", *options)
    assert answer.code == 2
    assert "zero bytes" in answer.err


def test_warnings_about_an_environment_are_shown(slipway, registered, tmp_path):
    (tmp_path / "score.py").write_text("def init(): ...")
    (tmp_path / "requirements.txt").write_text("azureml-defaults")
    registered.environment_warnings = ["azureml-defaults is not installed: so be it."]
    options = ["--entry-script", tmp_path / "score.py", "--requirements", tmp_path / "requirements.txt"]
    answer = slipway("service", "deploy", "-n", "i", "-m", "iris:1", *options)
    assert "azureml-defaults is not installed: so be it." in answer.err


def test_script_without_requirements_runs_in_the_studio_s_environment(slipway, registered, tmp_path):
    (tmp_path / "score.py").write_text("def init(): ...")
    assert slipway("service", "deploy", "-n", "i", "-m", "iris:1", "--entry-script", tmp_path / "score.py").code == 0
    assert registered.configs[0]["entry_script"] == "score.py"
    assert registered.configs[0]["environment"] == "slipway-runtime:latest"
    options = ["--entry-script", tmp_path / "score.py", "--environment", "mine:2", "--overwrite"]
    assert slipway("service", "deploy", "-n", "i", "-m", "iris:1", *options).code == 0
    assert registered.configs[1]["environment"] == "mine:2"


@pytest.mark.parametrize(
    "options",
    [
        ["--entry-script", "nothing.py"],
        ["--entry-script", "score.py", "--config", "c:1"],
        ["--source-dir", ".", "--no-dev"],
        ["--dev"],
        ["--dev", "--source-dir", ".", "--config", "c:1"],
        ["--watch"],
        ["--environment", "mine:2"],
        ["--env", "novalue"],
    ],
)
def test_contradicting_deploy_options_end_with_2(slipway, registered, options):
    assert slipway("service", "deploy", "-n", "iris", "-m", "iris:1", *options).code == 2
    assert not registered.services


def test_deploying_existing_service_ends_with_5_without_overwrite(slipway, deployed):
    assert slipway("service", "deploy", "-n", "iris", "-m", "iris:1").code == 5
    assert slipway("service", "deploy", "-n", "iris", "-m", "iris:1", "--overwrite").code == 0


def test_a_failed_deployment_ends_with_1_and_prints_the_end_of_the_evidence(slipway, registered):
    evidence = "\n".join(f"line {number}" for number in range(100))
    cause = {"code": "init_failed", "message": "init() raised.", "hint": "Look at line 3.", "evidence": evidence}
    original = registered.deploy

    def deploy(given):
        answer = original(given)
        registered.services["iris"]["cause"] = cause
        registered.states["iris"] = ["Transitioning", "Failed"]
        return answer

    registered.deploy = deploy
    answer = slipway("service", "deploy", "-n", "iris", "-m", "iris:1", "--wait", "--json")
    assert answer.code == 1
    assert "Error: iris is Failed: init() raised.\nHint: Look at line 3.\n---\nline 80\n" in answer.err
    assert answer.err.endswith("line 99\n")
    assert json.loads(answer.out)["error"]["evidence"] == evidence


def test_a_deployment_that_takes_too_long_ends_with_6(slipway, registered, monkeypatch):
    ticks = iter(range(10_000))
    monkeypatch.setattr("slipway.waiting.time.monotonic", lambda: next(ticks))
    answer = slipway("service", "deploy", "-n", "iris", "-m", "iris:1", "--wait", "--timeout", "5")
    assert answer.code == 6


def test_unreachable_studio_ends_with_7(slipway, signed_in):
    signed_in.faults = [("GET", "/services", GONE)] * 100
    answer = slipway("service", "list", "--json")
    assert answer.code == 7
    assert "make run" in answer.err
    assert json.loads(answer.out)["error"]["code"] == "unreachable"


def test_services_are_listed_and_shown(slipway, deployed):
    assert slipway("service", "list").out.splitlines()[1].split("\t")[:3] == ["iris", "Healthy", "iris:1"]
    answer = slipway("service", "show", "iris")
    assert "address   http://127.0.0.1:20000/score\n" in answer.out
    assert slipway("service", "show", "nothing").code == 4


@pytest.mark.parametrize("form", ["text", "file", "stdin"])
def test_a_request_comes_from_the_line_a_file_or_standard_input(slipway, deployed, tmp_path, form):
    (tmp_path / "sample.json").write_text('{"data": [1]}')
    data = {"text": '{"data": [1]}', "file": f"@{tmp_path / 'sample.json'}", "stdin": "-"}[form]
    answer = slipway("service", "score", "iris", "-d", data, stdin=b'{"data": [1]}')
    assert (answer.code, answer.out) == (0, "[1]\n")
    assert deployed.scored == b'{"data": [1]}'


@pytest.mark.parametrize(
    ("options", "path"), [([], "/score"), (["--path", "/v2/models/a/infer"], "/v2/models/a/infer")]
)
def test_score_path_is_passed_on(slipway, deployed, options, path):
    assert slipway("service", "score", "iris", "-d", "[1]", *options).code == 0
    assert deployed.scored_at == path


def test_a_sample_to_warm_up_with_comes_from_a_file(slipway, registered, tmp_path):
    (tmp_path / "options.json").write_text('{"warm_up": {"body": {"data": [[1, 2]]}, "runs": 5}}')
    options = ["--server", f"@{tmp_path / 'options.json'}"]
    assert slipway("service", "deploy", "-n", "iris", "-m", "iris:1", *options).code == 0
    config = registered.services["iris"]["asked"]["deployment_config"]
    assert config["server"] == {"warm_up": {"body": {"data": [[1, 2]]}, "runs": 5}}


def test_flag_counts_more_than_the_same_option_in_server_json(slipway, registered):
    options = ["--server", '{"queue_limit": 4, "batching": {"rows": 2, "pad": {"x": 0}}}', "--batch-rows", "8"]
    assert slipway("service", "deploy", "-n", "iris", "-m", "iris:1", *options).code == 0
    config = registered.services["iris"]["asked"]["deployment_config"]
    assert config == {"server": {"queue_limit": 4, "batching": {"rows": 8, "pad": {"x": 0}}}}


@pytest.mark.parametrize("flag", ["--deployment-config", "--dc"])
def test_deployment_config_comes_from_a_file_below_the_flags(slipway, registered, tmp_path, flag):
    (tmp_path / "deploymentconfig.json").write_text('{"computeType": "aks", "authEnabled": true, "cpu": 1}')
    options = [flag, tmp_path / "deploymentconfig.json", "--cpu", "2"]
    assert slipway("service", "deploy", "-n", "iris", "-m", "iris:1", *options).code == 0
    config = registered.services["iris"]["asked"]["deployment_config"]
    assert config == {"computeType": "aks", "authEnabled": True, "cpu": 2}


def test_a_services_error_is_printed_and_ends_with_1(slipway, deployed):
    deployed.score = own_answer({"error": "bad shape"}, 400)
    answer = slipway("service", "score", "iris", "-d", "{}", "--json")
    assert answer.code == 1
    document = json.loads(answer.out)
    assert (document["status"], document["body"]) == (400, {"error": "bad shape"})
    deployed.score = error(409, "not_running", "iris is stopped.")
    assert slipway("service", "score", "iris", "-d", "{}").code == 5


def test_a_log_is_read_to_its_end(slipway, deployed):
    deployed.log = {"service": "loading\nready ☂\n", "build": "resolving\n"}
    assert slipway("service", "logs", "iris").out == "loading\nready ☂\n"
    answer = slipway("service", "logs", "iris", "--source", "build", "--json")
    assert json.loads(answer.out) == {"text": "resolving\n", "offset": 10}


def test_a_followed_log_goes_on_until_interrupted(slipway, deployed, monkeypatch):
    deployed.log["service"] = "first\n"
    naps = iter(["second\n", "third\n"])

    def nap(seconds):
        try:
            deployed.log["service"] += next(naps)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr("slipway.commands.service.time.sleep", nap)
    answer = slipway("service", "logs", "iris", "-f")
    assert answer.out.startswith("first\nsecond\nthird\n")
    assert answer.code == 130
    assert slipway("service", "logs", "iris", "-f", "--json").code == 2


def test_keys_are_printed(slipway, deployed):
    assert json.loads(slipway("service", "keys", "iris", "--json").out) == {"primary": "p" * 8, "secondary": "s" * 8}


def test_a_service_is_stopped_started_and_deleted(slipway, deployed):
    assert slipway("service", "stop", "iris", "--wait").out == "iris is Stopped.\n"
    assert slipway("service", "start", "iris", "--wait").out == "iris is Healthy.\n"
    assert slipway("service", "delete", "iris").code == 2, "nobody is there to answer"
    assert json.loads(slipway("service", "delete", "iris", "--yes", "--wait", "--json").out) == {"deleted": "iris"}
    assert slipway("service", "show", "iris").code == 4


@pytest.fixture
def token_service(slipway, registered):
    assert slipway("service", "deploy", "-n", "iris", "-m", "iris:1", "--token-auth").code == 0
    return registered


def test_a_service_is_deployed_that_takes_tokens(token_service):
    assert token_service.services["iris"]["asked"]["deployment_config"] == {"token_auth": True}


@pytest.mark.parametrize("options", [["iris"], ["-n", "iris"], ["--name", "iris"]])
def test_a_token_is_printed_alone_so_that_a_shell_can_take_it(slipway, token_service, options):
    answer = slipway("service", "get-access-token", *options)
    assert (answer.code, answer.out) == (0, "a.b.1\n")
    assert f"Get a new one after {wording.when('2026-11-21T04:45:00Z')};" in answer.err


def test_a_token_is_printed_with_its_times_as_json(slipway, token_service):
    found = json.loads(slipway("service", "get-access-token", "iris", "--json").out)
    assert set(found) == {"access_token", "token_type", "refresh_after", "expiry_on"}


def test_regenerate_revokes_all_tokens_before_a_new_one(slipway, token_service):
    assert slipway("service", "get-access-token", "iris", "--regenerate").out == "a.b.2\n"


@pytest.mark.parametrize(("options", "code"), [([], 2), (["iris", "-n", "iris"], 2), (["nothing"], 4)])
def test_access_token_needs_one_existing_service(slipway, token_service, options, code):
    assert slipway("service", "get-access-token", *options).code == code


def test_a_service_with_keys_gives_no_token(slipway, deployed):
    answer = slipway("service", "get-access-token", "iris")
    assert (answer.code, answer.out) == (5, "")
    assert "takes keys, not tokens" in answer.err


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("kind", ["application/json", "application/vnd.api+json; charset=utf-8"])
def test_json_with_a_byte_order_mark_is_sent_as_plain_utf_8(slipway, deployed, tmp_path, encoding, kind):
    body = '{"data": ["ü"]}'
    (tmp_path / "body.json").write_bytes(body.encode(encoding))
    assert slipway("service", "score", "iris", "-d", f"@{tmp_path / 'body.json'}", "--content-type", kind).code == 0
    assert deployed.scored == body.encode()
    slipway("service", "score", "iris", "-d", "-", "--content-type", kind, stdin=body.encode(encoding))
    assert deployed.scored == body.encode()


def test_body_of_other_content_type_is_sent_unchanged(slipway, deployed, tmp_path):
    body = b"\xff\xfe\x00\xd8rest"
    (tmp_path / "body.bin").write_bytes(body)
    slipway("service", "score", "iris", "-d", f"@{tmp_path / 'body.bin'}", "--content-type", "image/png")
    assert deployed.scored == body
    answer = slipway("service", "score", "iris", "-d", f"@{tmp_path / 'body.bin'}")
    assert (answer.code, "begins as utf-16" in answer.err) == (2, True)


@pytest.mark.parametrize("key", ["primary", "Secondary"])
def test_regenerated_key_stands_alone_on_standard_output(slipway, deployed, key):
    answer = slipway("service", "regen-key", "iris", "-k", key)
    assert answer.out == "new-key\n"
    assert deployed.requests[-1][1].endswith(f"keys/{key.lower()}/regenerate")


def test_figures_of_a_service_are_printed_with_their_units(slipway, deployed):
    lines = dict(line.split(maxsplit=1) for line in slipway("service", "metrics", "iris").out.splitlines())
    assert (lines["requests"], lines["errors"]) == ("12", "3 (25.00%)")
    assert (lines["rate"], lines["p50"], lines["memory"]) == ("12 requests/min", "0.41 ms", "81.0 MB")


def test_range_of_metrics_is_passed_on(slipway, deployed):
    answer = slipway("service", "metrics", "iris", "--range", "24h", "--query", "[range, total.p99_ms]", "-o", "tsv")
    assert answer.out.split() == ["24h", "12.3"]
    assert slipway("service", "metrics", "iris", "--range", "3h").code == 2


def test_services_are_filtered_by_model_and_state(slipway, deployed):
    slipway("service", "list", "--model-name", "iris", "--state", "healthy")
    assert {key: deployed.asked[key] for key in ("model", "state")} == {"model": "iris", "state": "Healthy"}
    slipway("service", "list", "-m", "iris:1")
    assert deployed.asked["model"] == "iris:1"
    assert slipway("service", "list", "--state", "Well").code == 2


def test_states_of_the_service_filter_are_those_of_the_studio():
    assert set(get_args(service_commands.State)) == set(Phase.values)


def test_last_lines_of_a_log_are_printed(slipway, deployed):
    deployed.log["service"] = "first\nsecond\nthird\n"
    assert slipway("service", "logs", "iris", "--lines", "2").out == "second\nthird\n"
    assert slipway("service", "logs", "iris", "-l", "9").out == "first\nsecond\nthird\n"
    assert slipway("service", "logs", "iris", "-l", "2", "--follow").code == 2


def test_log_of_a_replica_is_printed(slipway, deployed):
    deployed.log["service"] = "ready\n"
    assert slipway("service", "logs", "iris", "--replica", "2").out == "replica 2: ready\n"


def test_replicas_and_sleep_are_shown(slipway, deployed):
    def replica(number: int, state: str = "ready", restarts: int = 0) -> dict:
        return {"number": number, "state": state, "restarts": restarts, "started_at": None, "message": ""}

    one = {"revision": 1, "state": "Unhealthy", "desired_replicas": 3, "ready_replicas": 2}
    one["replicas"] = [replica(1), replica(2, "dead"), replica(3, restarts=4)]
    deployed.services["iris"] |= {"instances": [one]}
    assert "2 of 3 ready (2 is dead, 3 restarted 4 times)" in slipway("service", "show", "iris").out
    asleep = one | {"state": "Healthy", "desired_replicas": 0, "ready_replicas": 0, "replicas": []}
    deployed.services["iris"] |= {"instances": [asleep], "asleep": True, "state": "Healthy"}
    shown = slipway("service", "show", "iris").out
    assert "Asleep" in shown
    assert "0 of 0 ready" in shown
