"""Compressed bodies and responses, and scripts that take and return them."""

import gzip
import json
import zlib

import numpy as np

from tests.scoring.conftest import KEY, read_answers, request_bytes

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
