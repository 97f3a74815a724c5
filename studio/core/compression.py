"""Compress answers that people and programs read as text."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

TEXT = ("text/", "application/json", "application/vnd.oai.openapi", "image/svg+xml")


class CompressTextMiddleware(GZipMiddleware):
    """Like Django's, which pads each answer by random bytes against guessing secrets from its length.

    Only whole text: files that are streamed keep their length and ranges, and hardly get smaller.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.streaming or not response.headers.get("Content-Type", "").startswith(TEXT):
            return response
        return super().process_response(request, response)
