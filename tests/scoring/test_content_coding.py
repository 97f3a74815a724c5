"""Bodies that come compressed are read, large answers go compressed to whom that suits, and no bomb goes off."""

import gzip
import io
import json
import shutil
import subprocess
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests
import tritonclient.http as triton

from tests.conftest import require
from tests.scoring.conftest import KEY, Replica, double_model, read_answers, request_bytes

BODY = json.dumps({"data": [[1, 2, 3, 4]]}).encode()
ANSWER = {"data": [[2.0, 4.0, 6.0, 8.0]]}
MOST = 2_000_000  # bytes of a body
LARGE = np.arange(8000, dtype=np.float32).reshape(-1, 4)
BEARER = {"Authorization": f"Bearer {KEY}"}
SCRIPT = """
import json
from azureml.contrib.services.aml_response import AMLResponse

def init(): pass
def run(data, request_headers):
    asked = json.loads(data)
    if asked.get("raise"):
        raise ValueError("x" * 100_000)
    if asked.get("stream"):
        return ({"number": number, "text": "x" * 50_000} for number in range(3))
    if "headers" in asked:
        return AMLResponse("x" * 50_000, asked.get("status", 200), response_headers=asked["headers"])
    return {"asked": asked, "headers": request_headers}
"""
RAW_SCRIPT = """
from azureml.contrib.services.aml_request import rawhttp

def init(): pass

@rawhttp
def run(request):
    seen = {name.lower(): value for name, value in request.headers.items()}
    return {"text": request.get_data(as_text=True), "json": request.get_json(silent=True), "headers": seen}
"""


def raw_deflate(body: bytes) -> bytes:
    encoder = zlib.compressobj(6, zlib.DEFLATED, -15)
    return encoder.compress(body) + encoder.flush()


def zipped(body: bytes) -> bytes:
    """The same bytes at any time of day: they are part of names of tests."""
    return gzip.compress(body, mtime=0)


def in_members(body: bytes) -> bytes:
    return b"".join(zipped(body[start : start + 10]) for start in range(0, len(body), 10))


def zeros(size: int) -> bytes:
    """So many zeros, compressed."""
    encoder = zlib.compressobj(1, zlib.DEFLATED, 31)
    return b"".join([*(encoder.compress(bytes(1_000_000)) for _ in range(size // 1_000_000)), encoder.flush()])


@pytest.fixture(scope="module")
def server(shared_replica):
    return shared_replica.with_models(double=double_model).start(max_body_bytes=MOST)


@pytest.fixture(scope="module")
def scripted(tmp_path_factory):
    made = Replica(tmp_path_factory.mktemp("scripted"))
    yield made.with_script(SCRIPT).start(max_body_bytes=MOST)
    made.close()


def coded(server, body: bytes, coding: str, path="/score", **headers: str):
    return server.score(body, path, headers={"Content-Encoding": coding, **headers})


def large_answer(server, accept: str | None):
    """The headers of a large answer, and its body as it came over the wire."""
    connection = server.connect()
    lines = [] if accept is None else [f"Accept-Encoding: {accept}"]
    connection.sendall(request_bytes(json.dumps({"data": LARGE.tolist()}).encode(), "/score", *lines))
    [(status, answer, body)] = read_answers(connection)
    assert status == 200
    return answer, body


# -- bodies that come


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", zipped(BODY)),
        ("GZip", zipped(BODY)),
        ("x-gzip", zipped(BODY)),
        ("gzip", in_members(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY, 0)),
        ("deflate", raw_deflate(BODY)),
        ("identity", BODY),
        ("identity, gzip", zipped(BODY)),
        ("deflate, gzip", zipped(zlib.compress(BODY))),
        ("gzip , ,deflate", raw_deflate(zipped(BODY))),
    ],
)
def test_a_coded_body_is_read_as_if_it_were_not(server, coding, body):
    answer = coded(server, body, coding)
    assert (answer.status_code, answer.json()) == (200, ANSWER)


def test_every_form_is_decoded_first(server):
    array = io.BytesIO()
    np.save(array, np.array([[1, 2, 3, 4]], np.float32))
    kind = {"Content-Type": "application/x-npy"}
    assert coded(server, zipped(array.getvalue()), "gzip", **kind).json() == ANSWER
    rows = zipped(json.dumps({"instances": [[1, 2, 3, 4]]}).encode())
    assert coded(server, rows, "gzip", "/v1/models/double:predict").json() == {"predictions": ANSWER["data"]}
    assert coded(server, rows, "gzip", "/invocations").json() == {"predictions": ANSWER["data"]}


def test_a_coded_body_may_come_in_chunks_and_through_a_pipeline(server):
    body = zipped(BODY)
    chunked = request_bytes(b"", "/score", "Content-Encoding: gzip", "Transfer-Encoding: chunked")
    chunked += b"".join(b"1\r\n%b\r\n" % body[at : at + 1] for at in range(len(body))) + b"0\r\n\r\n"
    plain = request_bytes(json.dumps({"data": [[0, 0, 0, 1]]}).encode())
    broken = request_bytes(body[:-1], "/score", "Content-Encoding: gzip")
    connection = server.connect()
    connection.sendall(chunked + plain + broken + plain + request_bytes(body, "/score", "Content-Encoding: gzip"))
    answers = read_answers(connection, 5)
    assert [status for status, _, _ in answers] == [200, 200, 400, 200, 200]
    assert [json.loads(answers[at][2])["data"][0][3] for at in (0, 1, 3, 4)] == [8, 2, 2, 8]


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, br", "nonsense", "compress"])
def test_an_unknown_coding_is_refused_with_those_that_are_known(server, scripted, coding):
    for one, path in ((server, "/score"), (server, "/v2/models/double/infer"), (scripted, "/score")):
        answer = coded(one, zipped(BODY), coding, path)
        assert answer.status_code == 415
        assert answer.headers["accept-encoding"] == "gzip, deflate"
        assert coding.split(", ")[-1] in answer.text
        assert coded(one, zipped(BODY), coding, path, Authorization="Bearer wrong").status_code == 401


def test_codings_upon_codings_have_an_end(server):
    body = BODY
    for _ in range(5):
        body = zipped(body)
    assert coded(server, body, ", ".join(["gzip"] * 5)).status_code == 415
    assert coded(server, gzip.decompress(body), ", ".join(["gzip"] * 4)).json() == ANSWER


def damaged(body: bytes, at: int) -> bytes:
    return body[:at] + bytes([body[at] ^ 255]) + body[at + 1 :]


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", BODY),
        ("deflate", BODY),
        ("gzip", zlib.compress(BODY)),
        ("deflate", zipped(BODY)),
        ("gzip", damaged(zipped(BODY), 20)),
        ("gzip", damaged(zipped(BODY), -8)),  # the checksum
        ("deflate", damaged(zlib.compress(BODY), 8)),
        ("gzip", zipped(BODY) + b"more"),
        ("gzip", zipped(BODY) + bytes(8)),
        ("gzip", zipped(BODY) + zipped(b"more")[:-1]),
        ("deflate", zlib.compress(BODY) + zlib.compress(BODY)),
        ("deflate", raw_deflate(BODY) + b"\0"),
        ("deflate, gzip", zipped(BODY)),
        ("gzip", zipped(b"") * 20_000),
        *(("gzip", zipped(BODY)[:length]) for length in (1, 9, 10, 15, -8, -1)),
        *(("deflate", zlib.compress(BODY)[:length]) for length in (1, 2, 9, -4, -1)),
        ("deflate", raw_deflate(BODY)[:-1]),
    ],
)
def test_what_cannot_be_decoded_is_refused(server, scripted, coding, body):
    for one in (server, scripted):
        answer = coded(one, body, coding)
        assert answer.status_code == 400
        assert answer.json()["code"] == "bad_input"
        assert "cannot be decoded as" in answer.json()["message"]


def test_a_request_without_a_body_has_nothing_to_decode(server):
    answer = server.client.get("/score", params={"data": "[[1,2,3,4]]"}, headers={"Content-Encoding": "gzip"})
    assert answer.json() == ANSWER


def test_the_limit_is_that_of_the_decoded_body(server):
    fitting = BODY + b" " * (MOST - len(BODY))
    assert coded(server, zipped(fitting), "gzip").json() == ANSWER
    for body, coding in (
        (zipped(fitting + b" "), "gzip"),
        (zlib.compress(fitting + b" "), "deflate"),
        (raw_deflate(fitting + b" "), "deflate"),
        (zipped(zlib.compress(fitting + b" ")), "deflate, gzip"),
    ):
        answer = coded(server, body, coding)
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_bombs_cost_little_memory_and_nobody_else_an_answer(server, scripted):
    bomb = zeros(400_000_000)
    twice = zipped(zeros(1_000_000_000))  # a thousandth of a thousandth
    for one in (server, scripted):
        before = peak(one)
        with ThreadPoolExecutor(8) as pool:
            bombs = [pool.submit(coded, one, bomb, "gzip") for _ in range(6)]
            bombs += [pool.submit(coded, one, twice, "gzip, gzip") for _ in range(6)]
            while not all(done.done() for done in bombs):
                assert one.score(BODY).status_code == 200
        assert [done.result().status_code for done in bombs] == [413] * 12
        assert peak(one) - before < 60_000_000


def peak(server) -> int:
    """The most bytes that the worker has had resident."""
    [worker] = server.workers()
    with open(f"/proc/{worker.pid}/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))


# -- answers that go


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip", "gzip"),
        ("gzip, deflate", "gzip"),
        ("deflate, gzip", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("deflate", "deflate"),
        ("br, deflate;q=0.5", "deflate"),
        ("gzip;q=0.5, deflate ; q=0.8", "deflate"),
        ("gzip;q=0, *", "deflate"),
        ("*", "gzip"),
        ("*;q=0.1", "gzip"),
        ("identity;q=0, gzip", "gzip"),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity, gzip;q=0.5", None),
        ("identity", None),
        ("gzip;q=0", None),
        ("gzip;q=0.000, deflate;q=0", None),
        ("*;q=0", None),
        ("gzip;q=much", None),
        ("br, zstd", None),
        ("", None),
        (None, None),
    ],
)
def test_a_large_answer_is_compressed_as_the_client_likes_best(server, accept, coding):
    answer, body = large_answer(server, accept)
    assert answer.get("content-encoding") == coding
    assert answer["vary"] == "Accept-Encoding"
    decoded = {"gzip": gzip.decompress, "deflate": zlib.decompress, None: bytes}[coding](body)
    assert np.array_equal(json.loads(decoded)["data"], LARGE * 2)
    assert coding is None or len(body) < len(decoded) / 2


def test_a_small_answer_is_the_same_whatever_is_accepted(server):
    told = []
    for line in ("X-Nothing: 1", "Accept-Encoding: gzip, deflate", "Accept-Encoding: *"):
        connection = server.connect()
        connection.sendall(request_bytes(BODY, "/v2/health/live", "x-request-id: one", line, method="GET"))
        connection.sendall(request_bytes(BODY, "/score", "x-request-id: one", line))
        told += [[(status, set(headers), body) for status, headers, body in read_answers(connection, 2)]]
    assert told[0] == told[1] == told[2]
    assert not {"vary", "content-encoding"} & (told[0][0][1] | told[0][1][1])


def test_head_answers_as_ever(server):
    for path in ("/", "/v2/health/live"):
        answer = server.client.head(path, headers={"Accept-Encoding": "gzip, *"})
        assert (answer.status_code, answer.content) == (200, b"")
        assert "content-encoding" not in answer.headers
    assert server.client.head("/score", headers={"Content-Encoding": "gzip"}).status_code == 405


def test_many_at_once_each_get_their_own(server):
    def ask(number: int):
        rows = (LARGE + number).tolist()
        body = json.dumps({"data": rows}).encode()
        answer = requests.post(
            f"http://127.0.0.1:{server.port}/score",
            data=zipped(body) if number % 2 else body,
            headers=BEARER | ({"Content-Encoding": "gzip"} if number % 2 else {}),
            timeout=20,
        )
        assert answer.headers["content-encoding"] == "gzip"
        return np.array_equal(answer.json()["data"], (LARGE + number) * 2)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(40)))


def test_pipelined_answers_stay_in_order(server):
    accept = "Accept-Encoding: gzip"
    large = request_bytes(json.dumps({"data": LARGE.tolist()}).encode(), "/score", accept)
    connection = server.connect()
    connection.sendall(large + request_bytes(BODY, "/score", accept) + large)
    bodies = [gzip.decompress(body) if "content-encoding" in told else body
              for _, told, body in read_answers(connection, 3)]  # fmt: skip
    assert [len(json.loads(body)["data"]) for body in bodies] == [len(LARGE), 1, len(LARGE)]


def test_the_last_answer_of_a_connection_is_whole(server):
    body = json.dumps({"data": LARGE.tolist()}).encode()
    connection = server.connect()
    connection.sendall(request_bytes(body, "/score", "Accept-Encoding: gzip", "Connection: close"))
    [(_, told, answer)] = read_answers(connection)
    assert told["connection"] == "close"
    assert len(json.loads(gzip.decompress(answer))["data"]) == len(LARGE)
    assert connection.recv(1) == b""


def test_stopping_leaves_no_answer_behind(replica):
    replica.with_models(double=double_model).start()
    connection = replica.connect()
    body = json.dumps({"data": np.arange(800_000.0).reshape(-1, 4).tolist()}).encode()
    connection.sendall(request_bytes(body, "/score", "Accept-Encoding: gzip"))
    time.sleep(0.1)
    replica.process.terminate()
    [(status, told, answer)] = read_answers(connection)
    assert (status, told["content-encoding"]) == (200, "gzip")
    assert len(json.loads(gzip.decompress(answer))["data"]) == 200_000
    assert replica.process.wait(15) == 0


def test_compression_can_be_turned_off(replica):
    replica.with_models(double=double_model).start(compress_answers=False)
    answer, body = large_answer(replica, "gzip")
    assert not {"vary", "content-encoding"} & set(answer)
    assert len(json.loads(body)["data"]) == len(LARGE)
    assert coded(replica, zipped(BODY), "gzip").json() == ANSWER


def test_what_is_collected_is_what_was_meant(replica):
    replica.with_models(double=double_model).start(collect={"seconds": 0.1})
    body = json.dumps({"data": LARGE.tolist()}).encode()
    answer = coded(replica, zipped(body), "gzip", **{"Accept-Encoding": "gzip"})
    [file] = replica.until(lambda: list((replica.folder / "collected").glob("*.jsonl")))
    row = json.loads(file.read_text())
    assert answer.headers["content-encoding"] == "gzip"
    assert row["inputs"] == json.loads(body)
    assert row["predictions"] == answer.json()


def test_pages_of_other_sites_are_still_told_of_origins(replica):
    replica.with_models(double=double_model).start(cors_origins=["https://example.com"])
    body = json.dumps({"data": LARGE.tolist()})
    answer = replica.score(body, headers={"Origin": "https://example.com", "Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Origin, Accept-Encoding"
    assert answer.headers["access-control-allow-origin"] == "https://example.com"


# -- the clients


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("there", ["gzip", "deflate", None])
@pytest.mark.parametrize("back", ["gzip", "deflate", None])
def test_tritonclient_with_its_algorithms(server, there, back, binary):
    client = triton.InferenceServerClient(f"127.0.0.1:{server.port}")
    rows = np.repeat(LARGE, 4, axis=0)
    given = triton.InferInput("x", list(rows.shape), "FP32")
    given.set_data_from_numpy(rows, binary_data=binary)
    wanted = [triton.InferRequestedOutput("y", binary_data=binary)]
    answer = client.infer(
        "double", [given], outputs=wanted, headers=dict(BEARER),
        request_compression_algorithm=there, response_compression_algorithm=back,
    )  # fmt: skip
    assert np.array_equal(answer.as_numpy("y"), rows * 2)


def binary_answer(server, rows):
    """What a client gets that sends and wants its tensors in binary."""
    body, length = triton.InferenceServerClient.generate_request_body(
        [_input(rows)], outputs=[triton.InferRequestedOutput("y", binary_data=True)]
    )
    headers = {"Inference-Header-Content-Length": str(length), "Accept-Encoding": "gzip"}
    return coded(server, zipped(body), "gzip", "/v2/models/double/infer", **headers)


def _input(rows):
    given = triton.InferInput("x", list(rows.shape), "FP32")
    given.set_data_from_numpy(rows, binary_data=True)
    return given


def test_binary_tensors_are_compressed_where_they_shrink(server):
    rows = np.zeros((20_000, 4), np.float32)
    answer = binary_answer(server, rows)
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < rows.nbytes / 20
    length = int(answer.headers["inference-header-content-length"])
    assert json.loads(answer.content[:length])["outputs"][0]["shape"] == [20_000, 4]
    assert answer.content[length:] == rows.tobytes()


def test_dense_binary_tensors_go_as_they_are(server):
    rows = np.random.default_rng(0).normal(size=(20_000, 4)).astype(np.float32)
    answer = binary_answer(server, rows)
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.content.endswith((rows * 2).tobytes())


@pytest.mark.parametrize("accept", ["--compressed", "-sS"])
def test_curl_reads_what_it_asked_for(server, tmp_path, accept):
    if shutil.which("curl") is None:
        require("clients", "there is no curl")
    (tmp_path / "body.json.gz").write_bytes(zipped(json.dumps({"data": LARGE.tolist()}).encode()))
    command = (
        "curl", "--silent", accept, "-H", f"Authorization: Bearer {KEY}", "-H", "Content-Encoding: gzip",
        "--data-binary", "@body.json.gz", "-w", "%{stderr}%{size_download}",
        f"http://127.0.0.1:{server.port}/score",
    )  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=True, cwd=tmp_path, timeout=30)
    assert np.array_equal(json.loads(done.stdout)["data"], LARGE * 2)
    assert (int(done.stderr) < len(done.stdout) / 2) == (accept == "--compressed")


# -- entry scripts


def test_a_script_gets_the_decoded_body_and_headers_that_fit_it(scripted):
    body = json.dumps({"text": "grün", "more": "x" * 50_000}).encode()
    answer = coded(scripted, zipped(body), "gzip", **{"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    told = answer.json()
    assert told["asked"] == json.loads(body)
    assert told["headers"]["Content-Length"] == str(len(body))
    assert "Content-Encoding" not in told["headers"]


def test_a_script_that_reads_requests_itself_gets_the_decoded_body(replica):
    replica.with_script(RAW_SCRIPT).start()
    for coding, body in (("gzip", zipped(BODY)), ("deflate", raw_deflate(BODY)), ("identity", BODY)):
        told = coded(replica, body, coding, **{"Content-Type": "application/json"}).json()
        assert told["text"] == BODY.decode()
        assert told["json"] == json.loads(BODY)
        assert told["headers"]["content-length"] == str(len(BODY))
        assert told["headers"].get("content-encoding") == (None if coding != "identity" else coding)


@pytest.mark.parametrize("status", [200, 201, 422, 503])
def test_a_scripts_own_answer_is_compressed_too(scripted, status):
    asked = {"headers": {"Content-Type": "text/plain", "x-own": "1"}, "status": status}
    answer = scripted.score(asked, headers={"Accept-Encoding": "gzip"})
    assert (answer.status_code, answer.text) == (status, "x" * 50_000)
    assert answer.headers["content-encoding"] == "gzip"
    assert (answer.headers["x-own"], answer.headers["content-type"]) == ("1", "text/plain")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"ETag": '"1"'}, 200),
        ({"Cache-Control": "private, no-transform"}, 200),
        ({"Content-Range": "bytes 0-49999/60000"}, 206),
        ({"Content-Encoding": "identity"}, 200),
    ],
)
def test_what_a_script_has_settled_stays_so(scripted, headers, status):
    answer = scripted.score({"headers": headers, "status": status}, headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == status
    assert answer.text == "x" * 50_000
    assert answer.headers["content-length"] == "50000"
    assert "vary" not in answer.headers


COUNTING = """
import json, time

busy = 0
def init(): pass
def run(data):
    global busy
    busy += 1
    time.sleep(json.loads(data))
    busy -= 1
    return busy
"""


@pytest.mark.parametrize("prepare", [gzip.compress, lambda body: body + b" " * 300_000])
def test_a_quick_script_is_not_called_on_the_loop_while_a_thread_calls_it(replica, prepare):
    replica.with_script(COUNTING).start()
    for _ in range(120):  # from here on it is quick enough for the loop
        assert replica.score(b"0").json() == 0
    special = prepare(b"0.3")
    coding = {"Content-Encoding": "gzip"} if len(special) < 1000 else {}
    others = [replica.connect() for _ in range(4)]
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(replica.score, special, headers=coding)
        while not slow.done():
            for other in others:
                other.sendall(request_bytes(b"0.001"))
            assert [read_answers(other)[0][2] for other in others] == [b"0"] * 4
        assert slow.result().json() == 0


def test_streams_and_failures_go_as_they_are(scripted):
    stream = scripted.score({"stream": True}, headers={"Accept-Encoding": "gzip"})
    assert stream.headers["content-type"] == "text/event-stream"
    assert "content-encoding" not in stream.headers
    assert stream.text.count("data: ") == 3
    failure = scripted.score({"raise": True}, headers={"Accept-Encoding": "gzip"})
    assert (failure.status_code, failure.json()["code"]) == (500, "script_failed")
    assert "content-encoding" not in failure.headers
