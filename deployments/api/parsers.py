"""Bodies that are handed on as they came."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser

from deployments.services.scoring_client import MAX_REQUEST_BYTES
from studio.core.errors import TooLarge


class RawParser(BaseParser):
    """Any content type, at most what the test may send."""

    media_type = "*/*"

    def parse(  # type: ignore[override]  # bytes, where the stubs expect fields
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> bytes:
        raw: bytes = stream.read(MAX_REQUEST_BYTES + 1)
        if len(raw) > MAX_REQUEST_BYTES:
            raise TooLarge("The test sends at most 16 MB.", hint="Call the service's own address for larger requests.")
        return raw
