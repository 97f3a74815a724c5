"""curl, as people type it and as the service's page has it ready to copy."""

import io
import json
import os
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from deployments.views.call_snippets import score_curl
from tests.conftest import require
from tests.scoring.conftest import KEY, Replica, double_model
from tests.scoring.form_models import same_model, services

ANSWER = {"data": [[2.0, 4.0, 6.0, 8.0]]}
BODY = {"data": [[1, 2, 3, 4]]}
BEARER = ("-H", f"Authorization: Bearer {KEY}")
SCRIPT = """
def init(): pass
def run(data):
    for number in range(3):
        yield {"number": number}
"""


@pytest.fixture(scope="module", autouse=True)
def _curl():
    if shutil.which("curl") is None:
        require("clients", "there is no curl")


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with services(
        tmp_path_factory,
        double=double_model,
        text=same_model("string", ["n"]),
        picture=same_model("float", ["n", 3, 2, 4]),
    ) as made:
        yield made


def run(*command: str, folder=None, **environment: str) -> tuple[str, str]:
    """What a command prints, and what it says beside."""
    done = subprocess.run(
        command, capture_output=True, check=False, cwd=folder, timeout=30,
        env={**os.environ, "no_proxy": "127.0.0.1", **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.decode(), done.stderr.decode()


def curl(server: Replica, *arguments: str, path: str = "/score", folder=None) -> str:
    return run("curl", "--silent", *BEARER, *arguments, f"http://127.0.0.1:{server.port}{path}", folder=folder)[0]


def answer_of(server: Replica, *arguments: str, **more):
    return json.loads(curl(server, *arguments, **more))


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_command_on_the_services_page_runs_as_it_is_copied(servers, shell):
    address = f"http://127.0.0.1:{servers['text'].port}"
    data = {"data": ["it's", 'a "quoted" $HOME', "grün\n`x`"]}
    command = score_curl(address, json.dumps(data), credential="key")
    assert json.loads(run(shell, "-c", command, SERVICE_KEY=KEY)[0]) == data


def test_the_command_on_the_services_page_leaves_the_key_out_where_none_is_needed(replica):
    replica.with_models(double=double_model).start(auth=False)
    command = score_curl(f"http://127.0.0.1:{replica.port}", json.dumps(BODY), credential="")
    assert "SERVICE_KEY" not in command
    assert json.loads(run("sh", "-c", command)[0]) == ANSWER


def test_a_file_is_sent_without_saying_what_it_is(servers, tmp_path):
    (tmp_path / "sample.json").write_text(json.dumps(BODY, indent=2))
    assert answer_of(servers["double"], "-d", "@sample.json", folder=tmp_path) == ANSWER
    assert answer_of(servers["double"], "--data-binary", "@sample.json", folder=tmp_path) == ANSWER


@pytest.mark.parametrize(
    "how",
    [
        ("-d", json.dumps(BODY)),
        ("--json", json.dumps(BODY)),
        ("-H", "Content-Type: application/json; charset=utf-8", "-d", json.dumps(BODY)),
        ("-H", "Content-Type:", "-d", json.dumps(BODY)),
        ("-G", "--data-urlencode", "data=[[1,2,3,4]]"),
        ("--globoff", "--http1.0", "-d", json.dumps(BODY)),
        ("--http2", "-d", json.dumps(BODY)),  # asks for an upgrade, which is not taken
        ("--compressed", "-d", json.dumps(BODY)),
        ("-H", "Expect: 100-continue", "-d", json.dumps(BODY)),
    ],
)
def test_every_usual_way_gets_the_same_answer(servers, how):
    assert answer_of(servers["double"], *how) == ANSWER


def test_piped_body_is_sent_in_chunks(servers):
    command = f"printf %s '{json.dumps(BODY)}' | curl -s -H 'Authorization: Bearer {KEY}' -X POST -T - "
    assert json.loads(run("sh", "-c", f"{command} http://127.0.0.1:{servers['double'].port}/score")[0]) == ANSWER


def test_a_large_file_waits_for_the_server_to_say_go_on(servers, tmp_path):
    rows = np.arange(800_000, dtype=np.float64).reshape(-1, 4)
    (tmp_path / "rows.json").write_text(json.dumps({"data": rows.tolist()}))
    address = f"http://127.0.0.1:{servers['double'].port}/score"
    command = ("curl", "-sv", *BEARER, "-H", "Expect: 100-continue", "--data-binary", "@rows.json", address)
    answer, beside = run(*command, folder=tmp_path)
    assert "HTTP/1.1 100 Continue" in beside
    assert np.array_equal(json.loads(answer)["data"], rows * 2)


def test_a_file_beyond_the_limit_is_refused_before_it_is_sent(replica, tmp_path):
    replica.with_models(double=double_model).start(max_body_bytes=100_000)
    (tmp_path / "large.json").write_bytes(b" " * 5_000_000)
    written = ("-w", "%{http_code} %{size_upload}", "-o", "answer.json")
    told = curl(replica, "-H", "Expect: 100-continue", "--data-binary", "@large.json", *written, folder=tmp_path)
    assert told == "413 0"
    assert json.loads((tmp_path / "answer.json").read_text())["code"] == "too_large"


def test_an_array_goes_in_and_comes_out_as_a_file(servers, tmp_path):
    np.save(tmp_path / "rows.npy", np.array([[1, 2, 3, 4]], np.float32))
    kind = "application/x-npy"
    told = ("-H", f"Content-Type: {kind}", "-H", f"Accept: {kind}", "-w", "%{content_type}", "-o", "doubled.npy")
    assert curl(servers["double"], *told, "--data-binary", "@rows.npy", folder=tmp_path) == kind
    assert np.load(tmp_path / "doubled.npy").tolist() == ANSWER["data"]


def test_pictures_are_sent_as_files_of_a_form(servers, tmp_path):
    for name, colour in {"white.png": (255, 255, 255), "black.jpg": (0, 0, 0)}.items():
        Image.new("RGB", (40, 20), colour).save(tmp_path / name)
    one = answer_of(servers["picture"], "-F", "file=@white.png", folder=tmp_path)
    assert np.array_equal(one["data"], np.ones((1, 3, 2, 4)))
    both = answer_of(servers["picture"], "-F", "a=@white.png", "-F", "b=@black.jpg", folder=tmp_path)
    assert np.array(both["data"]).mean(axis=(1, 2, 3)).tolist() == [1.0, 0.0]
    alone = ("-H", "Content-Type: image/png", "--data-binary", "@white.png")
    assert answer_of(servers["picture"], *alone, folder=tmp_path) == one


def test_the_other_protocols_are_asked_by_their_addresses(servers):
    double, rows = servers["double"], json.dumps({"instances": [[1, 2, 3, 4]]})
    expected = {"predictions": ANSWER["data"]}
    assert answer_of(double, "-d", rows, path="/v1/models/double:predict") == expected
    assert answer_of(double, "-d", rows, path="/invocations") == expected
    table = ("-H", "Content-Type: text/csv", "--data-binary", "p,q,r,s\n1,2,3,4\n")
    assert answer_of(double, *table, path="/invocations") == expected
    tensor = {"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]}
    answer = answer_of(double, "-d", json.dumps(tensor), path="/v2/models/double/infer")
    assert answer["outputs"][0]["data"] == ANSWER["data"][0]


def test_health_is_asked_without_a_body(servers):
    assert curl(servers["double"], path="/") == "Healthy"
    head = curl(servers["double"], "-I", path="/")
    assert head.startswith("HTTP/1.1 200 OK\r\n")
    assert "Healthy" not in head


def test_a_refusal_ends_curl_with_its_own_failure(servers):
    address = f"http://127.0.0.1:{servers['double'].port}/score"
    done = subprocess.run(["curl", "-s", "--fail-with-body", "-d", json.dumps(BODY), address],
                          capture_output=True, check=False, timeout=30)  # fmt: skip
    assert (done.returncode, json.loads(done.stdout)["code"]) == (22, "unauthorized")


def test_a_stream_is_printed_as_it_is_made(replica):
    replica.with_script(SCRIPT).start()
    told = curl(replica, "-N", "-d", "{}")
    assert [json.loads(line[6:]) for line in told.split("\n") if line.startswith("data: ")] == [
        {"number": number} for number in range(3)
    ]


def test_the_bytes_of_a_picture_need_no_name(servers):
    file = io.BytesIO()
    Image.new("RGB", (4, 2), (255, 255, 255)).save(file, "PNG")
    done = subprocess.run(["curl", "-s", *BEARER, "-H", "Content-Type: image/png", "--data-binary", "@-",
                           f"http://127.0.0.1:{servers['picture'].port}/score"],
                          input=file.getvalue(), capture_output=True, check=True, timeout=30)  # fmt: skip
    assert np.array_equal(json.loads(done.stdout)["data"], np.ones((1, 3, 2, 4)))
