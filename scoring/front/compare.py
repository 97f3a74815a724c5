"""Whether two answers to the same request agree. Pure."""

import math
import zlib
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

RELATIVE, ABSOLUTE = 1e-4, 1e-5  # numbers of 32 bits that were summed in another order agree within these
NOT_COMPARED = frozenset(
    ("id", "model_name", "model_version")
)  # of the Open Inference Protocol: they name who answered
NAME = 64  # characters of an output's name that are kept
ANSWER = "answer"  # an answer without names
DECODED_BYTES = 8 * 1024 * 1024  # of a compressed answer; a larger one is compared as it is
ANY_HEAD = 32 + zlib.MAX_WBITS  # zlib looks itself whether it is gzip or deflate


class Answer(NamedTuple):
    """Status, body, and the coding that the body is compressed with, empty for none."""

    status: int
    body: bytes
    coding: bytes = b""


@dataclass
class Difference:
    """`agrees`, and by the name of an output the largest difference of its numbers."""

    agrees: bool = True
    outputs: dict[str, float] = field(default_factory=dict)


def compare(caller: Answer, mirror: Answer) -> Difference:
    """Compare status and body, of JSON number by number, however it is compressed.

    For example {"a": [1.0, 2.0]} and {"a": [1.0, 2.5]} disagree, and the output a differs by 0.5.
    """
    found = Difference(agrees=caller.status == mirror.status)
    if not found.agrees:
        return found
    caller_body, mirror_body = _decoded(caller), _decoded(mirror)
    if caller_body == mirror_body:
        return found
    try:
        ours, theirs = orjson.loads(caller_body), orjson.loads(mirror_body)
    except orjson.JSONDecodeError:
        found.agrees = False
        return found
    named, others = _by_output(ours), _by_output(theirs)
    found.agrees = named.keys() == others.keys()
    try:
        for name in named.keys() & others.keys():
            _walk(named[name], others[name], name, found)
    except RecursionError:  # nested more deeply than anything that is compared
        found.agrees = False
    return found


def _decoded(answer: Answer) -> bytes:
    """The body without its coding; as it is where that is another one, or what it says is not true."""
    if answer.coding not in (b"gzip", b"x-gzip", b"deflate"):
        return answer.body
    try:
        decoder = zlib.decompressobj(ANY_HEAD)
        decoded = decoder.decompress(answer.body, DECODED_BYTES)
    except zlib.error:
        return answer.body
    return decoded if decoder.eof else answer.body


def _by_output(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        return {ANSWER: answer}
    outputs = answer.get("outputs")
    if isinstance(outputs, list) and all(isinstance(one, dict) and "name" in one for one in outputs):
        return {str(one["name"]): one.get("data") for one in outputs}
    return {name: value for name, value in answer.items() if name not in NOT_COMPARED}


def _walk(ours: Any, theirs: Any, name: str, found: Difference) -> None:
    if _is_number(ours) and _is_number(theirs):
        _numbers(float(ours), float(theirs), name, found)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for one, other in zip(ours, theirs, strict=True):
            _walk(one, other, name, found)
    elif isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
        for key, one in ours.items():
            _walk(one, theirs[key], name, found)
    elif ours != theirs or type(ours) is not type(theirs):
        found.agrees = False


def _numbers(ours: float, theirs: float, name: str, found: Difference) -> None:
    distance = abs(ours - theirs)
    if math.isnan(distance):
        distance = 0.0
    found.outputs[name] = max(found.outputs.get(name, 0.0), distance)
    if distance > ABSOLUTE + RELATIVE * max(abs(ours), abs(theirs)):
        found.agrees = False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def rounded_up(distance: float) -> str:
    """One digit, as in METRICS' distances: 0.00031 is "4e-04"."""
    if not distance:
        return "0"
    text = f"{distance:.0e}"
    if float(text) >= distance:
        return text
    digit, exponent = text.split("e")
    return f"{int(digit) + 1}e{exponent}" if digit != "9" else f"1e{int(exponent) + 1:+03d}"


def shown(name: str) -> str:
    """The name of an output, of which a replica may write anything."""
    return "".join(letter for letter in name[:NAME] if letter.isprintable()) or ANSWER
