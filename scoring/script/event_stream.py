"""What a generator yields, as server-sent events (WHATWG HTML, "Server-sent events")."""

from collections.abc import Iterator
from typing import Any

from scoring.core.errors import ScoringError
from scoring.script.failures import script_failed
from scoring.script.plain_json import encode_json

FIELDS = ("data:", "event:", "id:", "retry:", ":")


def events(source: Iterator[Any]) -> Iterator[bytes]:
    """One event for each value; closing it closes the script's generator too."""
    try:
        for value in source:
            yield event(value)
    except (GeneratorExit, ScoringError):  # the client has left; a value that JSON cannot carry
        raise
    except BaseException as error:
        raise script_failed(error) from error
    finally:
        close = getattr(source, "close", None)
        if close is not None:
            close()


def event(value: Any) -> bytes:
    """Text becomes the data of an event, anything else its JSON; None keeps the connection alive.

    Bytes, and text that is an event already (it ends with an empty line), are sent as they are.
    """
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    if value is None:
        return b":\n\n"
    if not isinstance(value, str):
        return b"data: %b\n\n" % encode_json(value)
    if value.endswith("\n\n") and value.startswith(FIELDS):
        return value.encode("utf-8", "replace")
    lines = value.encode("utf-8", "replace").replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return b"".join(b"data: %b\n" % line for line in lines) + b"\n"
