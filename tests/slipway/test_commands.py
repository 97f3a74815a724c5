import json
import subprocess
import sys

import httpx
import pytest

from slipway import profiles
from tests.slipway.conftest import URL
from tests.slipway.fake import TOKEN, error
from tests.slipway.fake import answer as own_answer

GONE = httpx.ConnectError("connection refused")


@pytest.fixture
def registered(slipway, signed_in, model):
    slipway("model", "register", "-n", "iris", "-p", model, "--tag", "area=demo")
    return signed_in


@pytest.fixture
def deployed(slipway, registered):
    registered.states["iris"] = ["Healthy"]
    slipway("service", "deploy", "-n", "iris", "-m", "iris:1", "--wait")
    return registered


# --- login and workspaces ---


def test_a_token_signs_in(slipway, studio):
    answer = slipway("login", URL, "--token", TOKEN)
    assert answer.code == 0
    assert answer.out == f"Signed in to {URL} as alice, workspace vision.\n"
    assert profiles.current() == profiles.Login(URL, TOKEN, "vision")


def test_a_password_from_standard_input_signs_in_and_is_not_printed(slipway, studio):
    answer = slipway("login", URL, "-u", "alice", "--password-stdin", "--json", stdin=b"correct\n")
    assert answer.code == 0
    assert json.loads(answer.out) == {
        "url": URL,
        "workspace": "vision",
        "expires_at": "2027-01-01",
        "username": "alice",
    }
    assert profiles.current().token == TOKEN


def test_a_wrong_password_or_token_ends_with_3(slipway, studio):
    assert slipway("login", URL, "-u", "alice", "--password-stdin", stdin=b"wrong").code == 3
    answer = slipway("login", URL, "--token", "slw_wrong")
    assert (answer.code, answer.err) == (3, "Error: This token is not known here.\n")
    assert not profiles.config_file().exists()


def test_without_a_terminal_nothing_is_asked(slipway, studio):
    answer = slipway("login", URL)
    assert answer.code == 2
    assert "--password-stdin" in answer.err


def test_workspaces_are_listed_and_the_used_one_is_marked(slipway, signed_in):
    answer = slipway("workspace", "list", "--json")
    assert [(row["slug"], row["current"]) for row in json.loads(answer.out)] == [("vision", True)]


def test_workspaces_whose_token_has_expired_are_left_out(slipway, signed_in):
    profiles.remember(profiles.Login(URL, "slw_expired", "text"))
    profiles.use_workspace("vision")
    assert slipway("workspace", "list").out.splitlines()[1:] == ["*\tvision\tVision\t"]


def test_a_token_is_not_remembered_for_a_workspace_it_is_not_valid_in(slipway, studio):
    assert slipway("login", URL, "--token", TOKEN, "-w", "text").code == 2
    assert not profiles.config_file().exists()


def test_another_workspace_needs_a_token_of_its_own(slipway, signed_in):
    answer = slipway("workspace", "use", "text")
    assert answer.code == 3
    assert "slipway login http://studio.test --workspace text" in answer.err
    profiles.remember(profiles.Login(URL, "slw_text", "text"))
    profiles.use_workspace("vision")
    assert slipway("workspace", "use", "text").code == 0
    assert profiles.current().workspace == "text"


# --- models ---


def test_a_model_is_registered_with_all_it_was_given(slipway, signed_in, model):
    answer = slipway(
        *("model", "register", "-n", "iris", "-p", model, "--tag", "area=demo", "--tag", "stage=a=b"),
        *("--property", "run=7", "--description", "Small.", "--framework", "onnx", "--framework-version", "1.23"),
        *("--wait", "--json"),
    )
    assert answer.code == 0
    version = json.loads(answer.out)
    assert (version["id"], version["state"]) == ("iris:1", "ready")
    assert version["tags"] == {"area": "demo", "stage": "a=b"}
    assert (version["properties"], version["description"]) == ({"run": "7"}, "Small.")
    assert (version["framework"], version["framework_version"]) == ("onnx", "1.23")


def test_a_rejected_model_ends_with_1_and_says_why(slipway, signed_in, model):
    signed_in.inspections = ["rejected"]
    answer = slipway("model", "register", "-n", "iris", "-p", model, "--wait", "--json")
    assert answer.code == 1
    assert "This is no ONNX file." in answer.err
    assert "Hint: Export it again." in answer.err
    assert json.loads(answer.out)["error"]["code"] == "onnx_invalid"


@pytest.mark.parametrize("tags", [["area"], ["=x"], ["a=1", "a=2"]])
def test_a_tag_of_the_wrong_form_ends_with_2_before_anything_is_sent(slipway, signed_in, model, tags):
    options = [part for tag in tags for part in ("--tag", tag)]
    assert slipway("model", "register", "-n", "iris", "-p", model, *options).code == 2
    assert signed_in.requests == []


def test_a_file_that_is_not_there_ends_with_2(slipway, signed_in):
    answer = slipway("model", "register", "-n", "iris", "-p", "nothing.onnx")
    assert answer.code == 2
    assert "nothing.onnx" in answer.err


def test_models_are_listed_as_columns_where_there_is_no_terminal(slipway, registered):
    answer = slipway("model", "list")
    assert answer.out.splitlines() == [
        "NAME\tVERSION\tFRAMEWORK\tSTATE\tTAGS\tSERVICES",
        "iris\t1\tcustom\tuploaded\tarea=demo\t",
    ]


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ([], ""),
        (["--filter", "area=vision OR area=text"], "area=vision OR area=text"),
        (["--tag", "area=demo", "--tag", "stage=prod"], "area=demo,stage=prod"),
        (["--tag", "area=demo", "--filter", "a=1 OR a=2"], "area=demo,(a=1 OR a=2)"),
    ],
)
def test_tags_and_filter_become_one_filter(slipway, registered, options, sent):
    assert slipway("model", "list", *options).code == 0
    assert registered.filter == sent


def test_a_limit_is_told_on_standard_error(slipway, registered, model):
    slipway("model", "register", "-n", "digits", "-p", model)
    answer = slipway("model", "list", "--limit", "1", "--json")
    assert len(json.loads(answer.out)) == 1
    assert "--limit" in answer.err


def test_a_version_is_shown_with_its_files_and_signature(slipway, registered):
    answer = slipway("model", "show", "iris")
    assert "version     iris:1\n" in answer.out
    assert "X FP32[-1, 4]" in answer.out
    assert "  model.onnx  10 B  84d89877" in answer.out


def test_a_model_comes_back_from_the_studio(slipway, registered, tmp_path):
    target = tmp_path / "target"
    answer = slipway("model", "download", "iris:1", "-t", target, "--json")
    assert json.loads(answer.out) == {"id": "iris:1", "files": [str(target / "model.onnx")]}
    assert (target / "model.onnx").read_bytes() == b"0123456789"
    assert slipway("model", "download", "iris:1", "-t", target).code == 5
    assert slipway("model", "download", "iris:1", "-t", target, "--overwrite").code == 0


def test_deleting_asks_first_and_needs_a_version(slipway, registered):
    assert slipway("model", "delete", "iris:1").code == 2
    assert slipway("model", "delete", "iris", "--yes").code == 2
    assert slipway("model", "delete", "iris:1", "--yes").out == "Deleted iris:1.\n"
    assert slipway("model", "show", "iris:1").code == 4


def test_a_version_in_use_ends_with_5(slipway, registered):
    registered.versions["iris:1"]["services"] = ["iris"]
    answer = slipway("model", "delete", "iris:1", "--yes")
    assert (answer.code, answer.err) == (5, "Error: iris:1 is in use by iris.\n")


# --- services ---


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
        "requirements": ["numpy==2.4.6", "scikit-learn"],
    }
    (config,) = registered.configs
    assert (config["kind"], config["entry_script"], config["environment"]) == ("entry_script", "score.py", "iris:1")
    assert [registered.uploads[key]["path"] for key in config["files"]] == ["helper.py", "requirements.txt", "score.py"]
    assert registered.services["iris"]["asked"]["config"] == "iris:1"


def test_a_script_alone_is_enough(slipway, registered, tmp_path):
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
        ["--source-dir", "."],
        ["--environment", "mine:2"],
        ["--env", "novalue"],
    ],
)
def test_options_that_do_not_fit_end_with_2(slipway, registered, options):
    assert slipway("service", "deploy", "-n", "iris", "-m", "iris:1", *options).code == 2
    assert not registered.services


def test_a_service_of_that_name_ends_with_5_unless_overwritten(slipway, deployed):
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


def test_a_studio_that_is_away_ends_with_7(slipway, signed_in):
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


# --- everything ---


def test_every_command_takes_json():
    from typer.main import get_command

    from slipway.cli import app

    root = get_command(app)
    for name, group in root.commands.items():
        for verb, command in getattr(group, "commands", {name: group}).items():
            assert "--json" in [option for param in command.params for option in param.opts], f"{name} {verb}"


def test_not_signed_in_ends_with_3(slipway):
    for command in (["model", "list"], ["service", "list"], ["workspace", "list"]):
        assert slipway(*command).code == 3


def test_wrong_use_ends_with_2(slipway):
    assert slipway("model", "register").code == 2
    assert slipway("no-such-thing").code == 2


def test_help_loads_neither_http_nor_drawing():
    code = "import sys\nfrom slipway.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print([name for name in ('httpx', 'rich.console', 'studio') if name in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "service" in done.stdout


def test_help_takes_less_than_a_third_of_a_second():
    code = (
        "import resource, subprocess, sys\n"
        "subprocess.run([sys.executable, '-m', 'slipway', '--help'], stdout=subprocess.DEVNULL, check=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime)"
    )
    times = [float(subprocess.check_output([sys.executable, "-c", code], text=True)) for _ in range(3)]
    assert min(times) < 0.3, "seconds of processor time, so that a busy machine does not fail it"


def test_the_version_is_printed(slipway):
    assert slipway("--version").out.startswith("slipway 0.")
