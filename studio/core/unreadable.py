"""What frameworks and parsers raise for unusable input, as errors for people."""

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.db import DataError
from django.http import UnreadablePostError
from django.http.multipartparser import MultiPartParserError

from studio.core.errors import BadInput, SlipwayError, TooLarge

UNREADABLE = (
    SuspiciousOperation,  # also too many fields or files
    BadRequest,
    MultiPartParserError,
    UnreadablePostError,
    RecursionError,
    UnicodeError,
    OverflowError,
    DataError,
)


def as_refusal(fault: Exception) -> SlipwayError | None:
    """The error to show for `fault`, or None where it says nothing about what was sent."""
    if isinstance(fault, RequestDataTooBig):
        return TooLarge("The body of this request is too large.", hint="Send files as uploads, in chunks.")
    if isinstance(fault, OverflowError | DataError):
        return BadInput("A number or text in this request is larger than can be kept.", hint="Send a smaller one.")
    if isinstance(fault, UNREADABLE):
        return BadInput("What was sent cannot be read.", hint="Check its form, fields, nesting and encoding.")
    return None
