"""Which answers are compressed."""

import gzip

import pytest
from django.http import HttpResponse, StreamingHttpResponse

from studio.core.compression import CompressTextMiddleware

LONG = b"a line of text\n" * 100


def answered(rf, response, **headers):
    return CompressTextMiddleware(lambda request: response)(rf.get("/", headers=headers))


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json", "text/csv"])
def test_text_is_compressed_for_clients_that_accept_it(rf, kind):
    answer = answered(rf, HttpResponse(LONG, content_type=kind), accept_encoding="gzip, br")

    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.content) == LONG
    assert answer.headers["Vary"] == "Accept-Encoding"


def test_text_stays_plain_for_clients_that_do_not_accept_it(rf):
    assert answered(rf, HttpResponse(LONG)).content == LONG


@pytest.mark.parametrize(
    "response",
    [
        HttpResponse(LONG, content_type="application/octet-stream"),
        StreamingHttpResponse([LONG], content_type="text/plain"),
        HttpResponse(b"short", content_type="text/html"),
    ],
    ids=["binary", "streamed", "short"],
)
def test_other_answers_are_not_compressed(rf, response):
    assert "Content-Encoding" not in answered(rf, response, accept_encoding="gzip").headers
