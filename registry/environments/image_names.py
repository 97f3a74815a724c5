"""References of container images, as people write them. Pure."""

import re

from studio.core.errors import BadInput

MAX_LENGTH = 400  # characters
# The grammar of distribution/reference: [host[:port]/]path[:tag][@digest]
_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]{1,5})?)"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?::[\w][\w.-]{{0,127}})?(?:@sha256:[a-f0-9]{{64}})?", re.ASCII
)


def check_reference(text: str, *, field: str = "base_image") -> str:
    """The reference without spaces around it, or "". Raises `BadInput` for what no engine can pull."""
    reference = text.strip()
    if not reference:
        return ""
    if len(reference) > MAX_LENGTH or not _REFERENCE.fullmatch(reference):
        raise BadInput(
            f"'{reference[:100]}' is no reference of an image.",
            code="bad_image_reference",
            hint="Write it as name:tag or registry/name:tag, with a digest if it must never change: "
            "python:3.12-slim, registry.example.com:5000/team/base@sha256:… The name is in lower case.",
            field=field,
        )
    return reference
