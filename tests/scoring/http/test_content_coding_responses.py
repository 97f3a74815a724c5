"""Large responses are compressed for clients that accept it."""

import gzip
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
from tests.scoring.codings import ANSWER, BEARER, BODY, LARGE, MOST, coded, large_answer, zipped
from tests.scoring.conftest import KEY, double_model, read_answers, request_bytes


@pytest.fixture(scope="module")
def server(shared_replica):
    return shared_replica.with_models(double=double_model).start(max_body_bytes=MOST)


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
def test_large_response_is_compressed_in_preferred_coding(server, accept, coding):
    answer, body = large_answer(server, accept)
    assert answer.get("content-encoding") == coding
    assert answer["vary"] == "Accept-Encoding"
    decoded = {"gzip": gzip.decompress, "deflate": zlib.decompress, None: bytes}[coding](body)
    assert np.array_equal(json.loads(decoded)["data"], LARGE * 2)
    assert coding is None or len(body) < len(decoded) / 2


def test_small_response_is_never_compressed(server):
    told = []
    for line in ("X-Nothing: 1", "Accept-Encoding: gzip, deflate", "Accept-Encoding: *"):
        connection = server.connect()
        connection.sendall(request_bytes(BODY, "/v2/health/live", "x-request-id: one", line, method="GET"))
        connection.sendall(request_bytes(BODY, "/score", "x-request-id: one", line))
        told += [[(status, set(headers), body) for status, headers, body in read_answers(connection, 2)]]
    assert told[0] == told[1] == told[2]
    assert not {"vary", "content-encoding"} & (told[0][0][1] | told[0][1][1])


def test_head_response_is_not_compressed(server):
    for path in ("/", "/v2/health/live"):
        answer = server.client.head(path, headers={"Accept-Encoding": "gzip, *"})
        assert (answer.status_code, answer.content) == (200, b"")
        assert "content-encoding" not in answer.headers
    assert server.client.head("/score", headers={"Content-Encoding": "gzip"}).status_code == 405


def test_concurrent_responses_are_not_mixed_up(server):
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


def test_compressed_pipelined_responses_stay_in_order(server):
    accept = "Accept-Encoding: gzip"
    large = request_bytes(json.dumps({"data": LARGE.tolist()}).encode(), "/score", accept)
    connection = server.connect()
    connection.sendall(large + request_bytes(BODY, "/score", accept) + large)
    bodies = [gzip.decompress(body) if "content-encoding" in told else body
              for _, told, body in read_answers(connection, 3)]  # fmt: skip
    assert [len(json.loads(body)["data"]) for body in bodies] == [len(LARGE), 1, len(LARGE)]


def test_compressed_last_response_is_complete_before_close(server):
    body = json.dumps({"data": LARGE.tolist()}).encode()
    connection = server.connect()
    connection.sendall(request_bytes(body, "/score", "Accept-Encoding: gzip", "Connection: close"))
    [(_, told, answer)] = read_answers(connection)
    assert told["connection"] == "close"
    assert len(json.loads(gzip.decompress(answer))["data"]) == len(LARGE)
    assert connection.recv(1) == b""


def test_drain_waits_for_compression(replica):
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


def test_collected_responses_are_not_compressed(replica):
    replica.with_models(double=double_model).start(collect={"seconds": 0.1})
    body = json.dumps({"data": LARGE.tolist()}).encode()
    answer = coded(replica, zipped(body), "gzip", **{"Accept-Encoding": "gzip"})
    [file] = replica.until(lambda: list((replica.folder / "collected").glob("*.jsonl")))
    row = json.loads(file.read_text())
    assert answer.headers["content-encoding"] == "gzip"
    assert row["inputs"] == json.loads(body)
    assert row["predictions"] == answer.json()


def test_compressed_response_keeps_cors_headers(replica):
    replica.with_models(double=double_model).start(cors_origins=["https://example.com"])
    body = json.dumps({"data": LARGE.tolist()})
    answer = replica.score(body, headers={"Origin": "https://example.com", "Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Origin, Accept-Encoding"
    assert answer.headers["access-control-allow-origin"] == "https://example.com"


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("there", ["gzip", "deflate", None])
@pytest.mark.parametrize("back", ["gzip", "deflate", None])
def test_tritonclient_compression_algorithms(server, there, back, binary):
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


def test_binary_tensors_that_shrink_are_compressed(server):
    rows = np.zeros((20_000, 4), np.float32)
    answer = binary_answer(server, rows)
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < rows.nbytes / 20
    length = int(answer.headers["inference-header-content-length"])
    assert json.loads(answer.content[:length])["outputs"][0]["shape"] == [20_000, 4]
    assert answer.content[length:] == rows.tobytes()


def test_dense_binary_tensors_are_not_compressed(server):
    rows = np.random.default_rng(0).normal(size=(20_000, 4)).astype(np.float32)
    answer = binary_answer(server, rows)
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.content.endswith((rows * 2).tobytes())


@pytest.mark.parametrize("accept", ["--compressed", "-sS"])
def test_curl_decodes_every_coding(server, tmp_path, accept):
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
