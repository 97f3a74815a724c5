"""Entry scripts as Azure's server runs them, and what happens when run() misbehaves."""

import json
import threading
import time

import pytest

from tests.scoring.conftest import request_bytes

SCRIPT = """
import json, os, sys, time, threading
import numpy as np
import beside

def init():
    global weights, thread
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights.txt")) as file:
        weights = file.read()
    print("init was here")

class Odd:
    pass

def run(data, request_headers):
    asked = json.loads(data) if data.startswith("{") else {"what": data}
    what = asked.get("what")
    return {
        "echo": lambda: data,
        "headers": lambda: request_headers,
        "weights": lambda: weights,
        "beside": lambda: beside.NAME,
        "folder": lambda: [os.getcwd(), os.environ["AZUREML_MODEL_DIR"], sys.path],
        "none": lambda: None,
        "dumped": lambda: json.dumps({"a": 1}),
        "numpy": lambda: {"deep": [np.zeros(3)]},
        "number": lambda: np.float64(0.5),
        "odd": lambda: [Odd()],
        "keys": lambda: {1: "one", (2, 3): "pair"} if asked.get("pair") else {1: "one"},
        "huge": lambda: 2 ** 70,
        "surrogate": lambda: "\\ud800",
        "nan": lambda: [float("nan")],
        "nan of numpy": lambda: {"mean": np.float64("nan"), "word": "NaN"},
        "nan beside numpy": lambda: {"p": np.float64(0.5), "q": float("nan"), "r": -np.inf},
        "nan beside huge": lambda: [2 ** 70, float("nan")],
        "self": lambda: circle(),
        "raise": lambda: [][asked.get("index", 0)],
        "exit": lambda: sys.exit(7),
        "deep": lambda: deep(0),
        "sleep": lambda: time.sleep(asked["seconds"]) or asked["seconds"],
        "thread": lambda: threading.current_thread().name,
        "print": lambda: print("printed", asked["text"]),
        "import": lambda: __import__(asked["module"]).__name__,
    }.get(what, lambda: asked)()

def circle():
    made = []
    made.append(made)
    return made

def deep(n):
    return deep(n + 1)
"""


@pytest.fixture(scope="module")
def server(shared_replica):
    return shared_replica.with_script(SCRIPT, beside="NAME = 'found'").start(scoring_timeout_seconds=1.5)


def ask(server, what, **more):
    return server.score({"what": what, **more})


def test_run_gets_the_whole_body_as_text(server):
    body = ' { "what": "echo",  "x": 1.0 }'
    assert server.score(body[1:]).json() == body[1:]
    assert server.score("grün").json() == {"what": "grün"}


def test_run_gets_the_headers_if_it_has_the_parameter(server):
    headers = server.score({"what": "headers"}, headers={"x-tenant": "blue"}).json()
    assert headers["X-Tenant"] == "blue"
    assert headers["Authorization"].startswith("Bearer")


def test_get_parameters_become_a_json_object(server):
    asked = {"what": "other", "n": "1", "rows": "[1, 2.5]", "name": "x y", "twice": ["a", "2"]}
    understood = {"what": "other", "n": 1, "rows": [1, 2.5], "name": "x y", "twice": ["a", 2]}
    assert server.client.get("/score", params=asked).json() == understood


def test_parameter_nested_too_deeply_is_refused(server):
    answer = server.client.get("/score", params={"data": "[" * 300 + "]" * 300})
    assert (answer.status_code, "nested" in answer.json()["message"]) == (400, True)


def test_the_script_finds_its_model_and_the_files_beside_it(server):
    assert ask(server, "weights").json() == "weights of iris"
    assert ask(server, "beside").json() == "found"
    folder, models, path = ask(server, "folder").json()
    assert folder == str(server.bundle / "source")
    assert models == str(server.bundle / "models" / "iris" / "1")
    assert path[-1] == folder
    assert "init was here" in server.log()


def test_several_models_have_their_own_folders(replica):
    listing = "sorted(os.listdir(os.environ['AZUREML_MODEL_DIR']))"
    script = f"import os\ndef init():\n    pass\ndef run(data):\n    return {listing}\n"
    replica.with_script(script, models=("a", "b.c")).start()
    assert replica.score("{}").json() == ["a", "b.c"]


def test_script_cannot_import_files_beside_the_server(server):
    answer = ask(server, "import", module="registry")
    assert (answer.status_code, "No module named" in answer.json()["message"]) == (500, True)


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("none", {}),
        ("dumped", '{"a": 1}'),
        ("number", 0.5),
        ("keys", {"1": "one"}),
        ("huge", 2**70),
        ("surrogate", "\ud800"),
        ("nan", [None]),
        ("nan of numpy", {"mean": None, "word": "NaN"}),
        ("nan beside numpy", {"p": 0.5, "q": None, "r": None}),
        ("nan beside huge", [2**70, None]),
    ],
)
def test_result_of_run_is_sent_as_json(server, what, answer):
    got = ask(server, what)
    assert (got.status_code, json.loads(got.text)) == (200, answer)
    assert got.headers["x-ms-run-function-failed"] == "False"


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("numpy", ("numpy.ndarray", ".tolist()")),
        ("odd", ("score.Odd", "JSON cannot carry")),
        ("self", ("JSON cannot carry", "list")),
        ("raise", ("IndexError", "list index out of range")),
        ("exit", ("SystemExit", "7")),
        ("deep", ("RecursionError",)),
    ],
)
def test_failing_run_is_answered_500_and_others_are_served(server, what, words):
    got = ask(server, what)
    assert got.status_code == 500
    assert all(word in got.json()["message"] for word in words)
    assert got.headers["x-ms-run-function-failed"] == "True"
    assert ask(server, "none").status_code == 200


def test_traceback_goes_to_the_log_and_not_to_the_client(server):
    assert "Traceback" not in ask(server, "raise", index=77).text
    assert "IndexError" in server.log()
    assert "in <lambda>" in server.log()


def test_body_that_is_no_text_is_refused(server):
    assert server.score(b"\xff\xfe\x00").status_code == 400


def test_output_of_the_script_goes_to_the_log(server):
    ask(server, "print", text="heureka")
    server.until(lambda: "printed heureka" in server.log())


def test_health_answers_while_run_is_busy(replica):
    replica.with_script("import time\ndef init():\n    pass\ndef run(data):\n    time.sleep(2)\n").start()
    slow = threading.Thread(target=lambda: replica.score("{}"))
    slow.start()
    time.sleep(0.1)
    with replica.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert connection.recv(1000).endswith(b"Healthy")
    assert slow.is_alive()
    slow.join()


def test_run_beyond_the_timeout_is_answered_504_and_others_go_on(server):
    answer = ask(server, "sleep", seconds=2.5)
    assert (answer.status_code, answer.json()["code"]) == (504, "scoring_timeout")
    assert "1.5 s" in answer.json()["message"]
    assert ask(server, "none").status_code == 200


def test_quick_script_moves_from_its_thread_to_the_loop(server):
    time.sleep(0.1)
    first = ask(server, "thread").json()
    for _ in range(300):
        last = ask(server, "thread").json()
    assert (first in ("runner", "MainThread"), last) == (True, "MainThread")


def test_full_queue_is_answered_503(replica):
    script = "import time\ndef init():\n  pass\ndef run(data):\n  time.sleep(0.3)\n  return 1"
    replica.with_script(script).start(queue_limit=2, queue_wait_seconds=20)
    got = _at_once(replica, 6)
    assert sorted(answer.status_code for answer in got) == [200, 200, 200, 503, 503, 503]
    refused = next(answer for answer in got if answer.status_code == 503)
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["code"] == "overloaded"


def test_too_long_a_wait_in_the_queue_is_answered_503(replica):
    script = "import time\ndef init():\n  pass\ndef run(data):\n  time.sleep(1)\n  return 1"
    replica.with_script(script).start(queue_wait_seconds=0.3)
    assert sorted(answer.status_code for answer in _at_once(replica, 3)) == [200, 503, 503]


def test_disconnected_client_is_not_scored(replica):
    script = "import time\ndef init():\n  pass\ndef run(data):\n  print('ran', data)\n  time.sleep(0.4)\n  return 1"
    replica.with_script(script).start()
    with replica.connect() as first:
        first.sendall(request_bytes(b"first"))
        time.sleep(0.1)
        with replica.connect() as second:
            second.sendall(request_bytes(b"second"))
            time.sleep(0.1)
        first.recv(1000)
    assert replica.score("third").status_code == 200
    assert "ran third" in replica.log()
    assert "ran second" not in replica.log()


def _at_once(server, count):
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(server.score("{}"))) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
