"""The main job by the command line alone, against the studio that `make run` starts."""

import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from slipway import Client, profiles
from tests.debug_client import DebugClient
from tests.stack import ROOT, Stack, free_port

pytestmark = pytest.mark.stack
IRIS = ROOT / "samples" / "iris"


class Shell:
    """Runs `slipway` as a person's shell would, with a home folder of its own."""

    def __init__(self, home: Path) -> None:
        names = ("SLIPWAY_URL", "SLIPWAY_TOKEN", "SLIPWAY_WORKSPACE")
        kept = {name: value for name, value in os.environ.items() if name not in names}
        self.environ = kept | {"XDG_CONFIG_HOME": str(home), "PYTHONPATH": str(ROOT)}

    def run(self, *arguments: object, stdin: str = "", code: int | None = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "slipway", *map(str, arguments)]
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, env=self.environ, timeout=300, check=False
        )
        assert code in (None, done.returncode), (
            f"{arguments} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        )
        return done

    def json(self, *arguments: object, stdin: str = "", code: int = 0):
        return json.loads(self.run(*arguments, "--json", stdin=stdin, code=code).stdout)


@pytest.fixture
def shell(stack: Stack, tmp_path: Path) -> Shell:
    found = Shell(tmp_path)
    found.run("login", stack.address, "--username", stack.username, "--password-stdin", stdin=f"{stack.password}\n")
    return found


@pytest.fixture
def service(shell: Shell):
    """A name that is free again afterwards."""
    name = f"journey-{time.time_ns() % 10**9}"
    yield name
    shell.run("service", "delete", name, "--yes", "--wait", code=None)


def test_from_a_file_to_a_service_and_back(shell, service, tmp_path):
    [workspace] = shell.json("workspace", "list")
    assert workspace["current"] is True
    assert shell.json("workspace", "use", workspace["slug"])["workspace"] == workspace["slug"]

    version = shell.json(
        *(
            "model",
            "register",
            "-n",
            service,
            "-p",
            IRIS / "model.onnx",
            "--tag",
            "area=demo",
            "--tag",
            f"run={service}",
        ),
        *("--property", "accuracy=0.97", "--description", "By the command line.", "--wait"),
    )
    assert (version["id"], version["state"], version["framework"]) == (f"{service}:1", "ready", "onnx")
    assert version["signature"]["inputs"]

    found = shell.json("model", "list", "--filter", f"area=demo,run={service}")
    assert [row["name"] for row in found] == [service]
    assert [row["name"] for row in shell.json("model", "list", "--tag", f"run={service}")] == [service]
    assert shell.json("model", "list", "--filter", f"run={service},area!=demo") == []
    assert shell.json("model", "show", service)["properties"] == {"accuracy": "0.97"}
    changed = shell.json("model", "update", f"{service}:1", "--tag", "stage=production", "--remove-tag", "area")
    assert changed["tags"] == {"run": service, "stage": "production"}

    files = shell.json("model", "download", f"{service}:1", "-t", tmp_path / "back")["files"]
    assert Path(files[0]).read_bytes() == (IRIS / "model.onnx").read_bytes()

    deployed = shell.json("service", "deploy", "-n", service, "-m", f"{service}:1", "--wait")
    assert (deployed["state"], deployed["models"]) == ("Healthy", [f"{service}:1"])
    assert service in [row["name"] for row in shell.json("service", "list")]
    shell.run("model", "delete", f"{service}:1", "--yes", code=5)

    answer = shell.json("service", "score", service, "-d", f"@{IRIS / 'sample-data.json'}")
    assert answer["status"] == 200
    assert answer["milliseconds"] > 0
    assert answer["body"]
    assert shell.run("service", "score", service, "-d", "-", stdin=(IRIS / "sample-data.json").read_text()).stdout
    wrong = shell.json("service", "score", service, "-d", "this is no JSON", code=1)
    assert 400 <= wrong["status"] < 500

    assert shell.run("service", "logs", service).stdout
    keys = shell.json("service", "keys", service)
    new = shell.run("service", "regen-key", service, "--key", "secondary").stdout.strip()
    assert shell.json("service", "keys", service) == {"primary": keys["primary"], "secondary": new}
    assert new != keys["secondary"]

    assert shell.json("service", "stop", service, "--wait")["state"] == "Stopped"
    assert shell.run("service", "score", service, "-d", "{}", code=5).stdout == ""
    assert shell.json("service", "start", service, "--wait")["state"] == "Healthy"
    assert shell.json("service", "score", service, "-d", f"@{IRIS / 'sample-data.json'}")["status"] == 200

    assert shell.json("service", "delete", service, "--yes", "--wait") == {"deleted": service}
    shell.run("service", "show", service, code=4)
    shell.run("model", "delete", f"{service}:1", "--yes")
    shell.run("model", "show", f"{service}:1", code=4)


def test_config_goes_from_a_script_to_a_download_and_back(shell, service, tmp_path):
    source, target = tmp_path / "src", tmp_path / "target"
    source.mkdir()
    (source / "score.py").write_text("def init(): ...\ndef run(data): return data\n")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("packaging==24.2\n")

    environment = shell.json("environment", "create", "-n", service, "-r", requirements)["id"]
    shell.run("environment", "download", environment, "-t", tmp_path / "environment")
    again = ("environment", "create", "-n", service, "--conda", tmp_path / "environment" / "conda.yml")
    assert shell.json(*again)["id"] == environment, "it is defined the same already"

    first = shell.json("config", "create", "-n", service, "--entry-script", "score.py", "--source-dir", source)["id"]
    second = shell.json("config", "update", first, "--environment", environment)
    assert (second["id"], second["environment"]) == (f"{service}:2", environment)
    shell.run("config", "download", second["id"], "-t", target)
    third = shell.json("config", "create", "-n", service, "--file", target / "inferenceconfig.json")
    assert (third["environment"], third["files"]) == (environment, second["files"])

    shell.run("environment", "delete", environment, "--yes", code=5)
    for number in (1, 2, 3):
        shell.run("config", "delete", f"{service}:{number}", "--yes")
    shell.run("environment", "delete", environment, "--yes")
    events = shell.run("activity", "--object", service, "--query", "[].action", "-o", "tsv").stdout.split()
    assert events[:2] == ["environment.deleted", "config.deleted"]


def test_an_entry_script_that_raises_fails_with_its_traceback(shell, service, tmp_path):
    (tmp_path / "score.py").write_text(
        "def init():\n    raise ValueError('no such file')\n\ndef run(data):\n    return 1\n"
    )
    shell.run("model", "register", "-n", service, "-p", IRIS / "model.onnx", "--wait")
    done = shell.run(
        *("service", "deploy", "-n", service, "-m", f"{service}:1", "--entry-script", tmp_path / "score.py"),
        *("--wait", "--json"),
        code=1,
    )
    error = json.loads(done.stdout)["error"]
    assert "ValueError" in error["evidence"]
    assert error["hint"]
    assert "no such file" in done.stderr


def test_exit_codes_tell_rejected_files_from_missing_access(shell, tmp_path):
    text = tmp_path / "text.onnx"
    text.write_text("This is no model.")
    rejected = shell.json("model", "register", "-n", "no-model", "-p", text, "--wait", code=1)
    assert rejected["error"]["message"]
    shell.run("service", "deploy", "-n", "nothing", "-m", "nothing:1", code=4)
    shell.environ["SLIPWAY_TOKEN"] = "slw_wrong"
    shell.run("model", "list", code=3)
    shell.environ["SLIPWAY_URL"] = "http://127.0.0.1:9"
    shell.environ["SLIPWAY_WORKSPACE"] = "default"
    shell.run("model", "list", code=7)


def test_calls_appear_in_the_metrics(shell, service, monkeypatch):
    shell.run("model", "register", "-n", service, "-p", IRIS / "model.onnx", "--wait")
    shell.run("service", "deploy", "-n", service, "-m", f"{service}:1", "--wait")
    for _ in range(5):
        shell.run("service", "score", service, "-d", f"@{IRIS / 'sample-data.json'}")
    monkeypatch.setenv("XDG_CONFIG_HOME", shell.environ["XDG_CONFIG_HOME"])
    login = profiles.current()
    with Client(login.url, login.token, login.workspace) as client:
        deadline = time.monotonic() + 40
        while time.monotonic() < deadline and client.metrics(service)["total"]["requests"] < 5:
            time.sleep(1)
        total = client.metrics(service)["total"]
    assert total["requests"] == 5
    assert total["errors"] == 0
    assert total["p95_ms"] > 0


def test_service_with_token_auth_accepts_fetched_tokens(shell, service):
    shell.run("model", "register", "-n", service, "-p", IRIS / "model.onnx", "--wait")
    deployed = shell.json("service", "deploy", "-n", service, "-m", f"{service}:1", "--token-auth", "--wait")
    body = (IRIS / "sample-data.json").read_bytes()

    def status(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.post(deployed["scoring_uri"], content=body, headers=headers, trust_env=False).status_code

    token = shell.run("service", "get-access-token", service).stdout.strip()
    assert status(token) == 200
    assert shell.json("service", "score", service, "-d", f"@{IRIS / 'sample-data.json'}")["status"] == 200
    shell.run("service", "keys", service, code=5)

    found = shell.json("service", "get-access-token", "-n", service, "--regenerate")
    deadline = time.monotonic() + 20
    while (status(token), status(found["access_token"])) != (401, 200):
        assert time.monotonic() < deadline, "the old token still works, or the new one does not yet"
        time.sleep(0.2)


SCRIPT = """
from azureml.core.model import Model


def init():
    global weights
    weights = open(Model.get_model_path("model.txt")).read()


def run(data):
    return weights
"""


@pytest.fixture
def folder(tmp_path):
    """A script with a model that is registered nowhere."""
    made = tmp_path / "src"
    made.mkdir()
    (made / "score.py").write_text(SCRIPT)
    (made / "model.txt").write_text("one")
    return made


def test_folder_runs_unregistered_and_reloads_what_starts(shell, service, folder):
    made = shell.json("service", "deploy", "--target", "local", "-n", service, "--source-dir", folder, "--wait")
    assert (made["state"], made["development"], made["config"]) == ("Healthy", True, None)
    assert shell.json("service", "score", service, "-d", "{}")["body"] == "one"

    (folder / "model.txt").write_text("two")
    assert shell.json("service", "reload", service, "--wait")["state"] == "Healthy"
    assert shell.json("service", "score", service, "-d", "{}")["body"] == "two"

    (folder / "score.py").write_text(SCRIPT + "    return (\n")
    refused = shell.run("service", "reload", service, "--wait", code=2)
    assert "score.py, line 12" in refused.stderr
    (folder / "score.py").write_text(SCRIPT.replace("global weights", "1 / 0"))
    failed = shell.run("service", "reload", service, "--wait", code=1)
    assert "ZeroDivisionError" in failed.stderr
    assert shell.json("service", "score", service, "-d", "{}")["body"] == "two"

    (folder / "score.py").write_text(SCRIPT.replace("return weights", "return weights + '!'"))
    shell.run("service", "reload", service, "--wait")
    assert shell.json("service", "score", service, "-d", "{}")["body"] == "two!"
    assert service not in shell.run("config", "list").stdout

    shell.run("service", "delete", service, "--yes", "--wait")
    found = shell.run("activity", "--object", service, "--query", "[].action", "-o", "tsv").stdout.split()
    assert found.count("service.reloaded") == 3


def test_debugger_stops_in_the_script_of_a_development_service(shell, service, folder):
    port = free_port()
    deploy = ("service", "deploy", "-n", service, "--source-dir", folder, "--debug-port", port)
    shell.run(*deploy, "--no-dev", "--entry-script", "score.py", code=2)
    shell.run(*deploy, "--wait")
    log = shell.run("service", "logs", service).stdout
    source = re.search(rf"listening at 127.0.0.1:{port}; the script lies in (\S+)", log)
    assert source, log
    debugger = DebugClient(port)
    debugger.stop_at(f"{source[1]}/score.py", 11)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(shell.json, "service", "score", service, "-d", "{}")
        assert debugger.wait_until_stopped() == {"name": "run", "line": 11}
        assert answer.result(60)["body"] == "one"
    debugger.close()
