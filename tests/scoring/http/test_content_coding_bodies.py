"""Compressed request bodies are decoded, within limits."""

import gzip
import io
import json
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.scoring.codings import ANSWER, BODY, MOST, SCRIPT, coded, in_members, raw_deflate, zeros, zipped
from tests.scoring.conftest import Replica, double_model, read_answers, request_bytes


@pytest.fixture(scope="module")
def server(shared_replica):
    return shared_replica.with_models(double=double_model).start(max_body_bytes=MOST)


@pytest.fixture(scope="module")
def scripted(tmp_path_factory):
    made = Replica(tmp_path_factory.mktemp("scripted"))
    yield made.with_script(SCRIPT).start(max_body_bytes=MOST)
    made.close()


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
def test_compressed_body_is_decoded(server, coding, body):
    answer = coded(server, body, coding)
    assert (answer.status_code, answer.json()) == (200, ANSWER)


def test_compressed_body_is_decoded_for_every_form(server):
    array = io.BytesIO()
    np.save(array, np.array([[1, 2, 3, 4]], np.float32))
    kind = {"Content-Type": "application/x-npy"}
    assert coded(server, zipped(array.getvalue()), "gzip", **kind).json() == ANSWER
    rows = zipped(json.dumps({"instances": [[1, 2, 3, 4]]}).encode())
    assert coded(server, rows, "gzip", "/v1/models/double:predict").json() == {"predictions": ANSWER["data"]}
    assert coded(server, rows, "gzip", "/invocations").json() == {"predictions": ANSWER["data"]}


def test_compressed_body_may_be_chunked_and_pipelined(server):
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
def test_unknown_content_coding_is_415_with_supported_ones(server, scripted, coding):
    for one, path in ((server, "/score"), (server, "/v2/models/double/infer"), (scripted, "/score")):
        answer = coded(one, zipped(BODY), coding, path)
        assert answer.status_code == 415
        assert answer.headers["accept-encoding"] == "gzip, deflate"
        assert coding.split(", ")[-1] in answer.text
        assert coded(one, zipped(BODY), coding, path, Authorization="Bearer wrong").status_code == 401


def test_number_of_content_codings_is_limited(server):
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
def test_damaged_compressed_body_is_400(server, scripted, coding, body):
    for one in (server, scripted):
        answer = coded(one, body, coding)
        assert answer.status_code == 400
        assert answer.json()["code"] == "bad_input"
        assert "cannot be decoded as" in answer.json()["message"]


def test_content_encoding_without_body_is_ignored(server):
    answer = server.client.get("/score", params={"data": "[[1,2,3,4]]"}, headers={"Content-Encoding": "gzip"})
    assert answer.json() == ANSWER


def test_body_limit_applies_to_decoded_size(server):
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


def test_compression_bombs_are_refused_cheaply(server, scripted):
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
