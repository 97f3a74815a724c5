"""Pure: from what the inspection program found to what becomes of the version."""

import signal
from dataclasses import dataclass, field
from typing import Any

import msgspec

from registry.bounded import Ended
from registry.frameworks import CUSTOM
from studio.core.errors import BadInput
from studio.core.storable import storable

# Frameworks whose files are also the files of others: saying the one and sending the other is no mistake.
_GO_TOGETHER = (
    {"pytorch", "safetensors"},
    {"keras", "tensorflow"},
    {"keras", "tensorflow", "safetensors"},
    {"scikit-learn", "xgboost", "lightgbm", "catboost"},
)


class Rejected(BadInput):
    """The files cannot be a model version; the message says why."""

    code = "version_rejected"


@dataclass(frozen=True)
class Finding:
    """What the program found; the same fields as its JSON."""

    framework: str = CUSTOM
    framework_version: str = ""
    signature: dict[str, Any] | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def finding_of(ended: Ended, *, seconds: float) -> Finding:
    """What the program said; raises `Rejected` when it said no, or died trying."""
    if ended.code is None or ended.code == -signal.SIGXCPU:
        raise Rejected(
            f"Looking inside took longer than {seconds:g} seconds.",
            hint="The file may be damaged; or raise SLIPWAY_INSPECTION_SECONDS and inspect it again.",
            code="inspection_timeout",
        )
    if ended.code != 0:
        raise Rejected(
            "The program that looks inside crashed over this file.",
            hint="The file is probably damaged, or needs more memory than SLIPWAY_INSPECTION_MEMORY_BYTES allows.",
            code="inspection_crashed",
            evidence=f"exit status {ended.code}\n{ended.errors}",
        )
    answer = storable(msgspec.json.decode(ended.output))
    if refusal := answer.get("rejected"):
        raise Rejected(
            refusal["message"], hint=refusal["hint"], code=refusal["code"], evidence=refusal.get("evidence", "")
        )
    return Finding(**answer)


def settled(declared: str, found: Finding) -> tuple[str, list[str]]:
    """The version's framework, and warnings where the person said one thing and the files say another.

    Raises `Rejected` when ONNX was claimed and is not there: an ONNX version must be one that can be served
    without code.
    """
    if not declared or declared == found.framework:
        return found.framework, []
    main = found.facts.get("main_file", "the file")
    if declared == "onnx":
        raise Rejected(
            f"You said onnx, but {main} {found.facts.get('looks_like', f'is {found.framework}')}.",
            hint="Send the .onnx file, or register it as another framework.",
            code="not_onnx",
        )
    together = any({declared, found.framework} <= group for group in _GO_TOGETHER)
    if together or CUSTOM in {declared, found.framework}:
        return declared, []
    return declared, [f"You said {declared}; {main} looks like {found.framework}."]
