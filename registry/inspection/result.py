"""Pure: from what the inspection program found to what becomes of the version."""

import signal
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from registry.inspection.bounded_process import ProcessResult
from registry.inspection.frameworks import CUSTOM
from registry.inspection.graph import UNFINISHED
from studio.core.errors import BadInput
from studio.core.storable import storable

# Frameworks whose files are also the files of others: saying the one and sending the other is no mistake.
_GO_TOGETHER = (
    {"pytorch", "safetensors"},
    {"keras", "tensorflow"},
    {"keras", "tensorflow", "safetensors"},
    {"scikit-learn", "xgboost", "lightgbm", "catboost"},
)
_FAULTS = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL})  # of the code, not of the limits


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
    graph: dict[str, Any] | None = None


def finding_of(ended: ProcessResult, *, seconds: float) -> Finding:
    """The finding of the program; raises `Rejected` when it refused the file, or died before it answered.

    One that died during the trial of a graph has answered with what it knew before.
    """
    answer = _last_answer(ended.output)
    if ended.code != 0 and answer is not None and "rejected" not in answer:
        return _unfinished(Finding(**answer), ended)
    if ended.code is None or ended.code == -signal.SIGXCPU:
        raise Rejected(
            f"Looking inside took longer than {seconds:g} seconds.",
            hint="The file may be damaged; or raise SLIPWAY_INSPECTION_SECONDS and inspect it again.",
            code="inspection_timeout",
        )
    if ended.code != 0 or answer is None:
        raise Rejected(
            "The program that looks inside crashed over this file.",
            hint="The file is probably damaged, or needs more memory than SLIPWAY_INSPECTION_MEMORY_BYTES allows.",
            code="inspection_crashed",
            evidence=f"exit status {ended.code}\n{ended.errors}",
        )
    if refusal := answer.get("rejected"):
        raise Rejected(
            refusal["message"], hint=refusal["hint"], code=refusal["code"], evidence=refusal.get("evidence", "")
        )
    return Finding(**answer)


def _last_answer(output: bytes) -> dict[str, Any] | None:
    """The last line that is whole."""
    for line in reversed(output.splitlines()):
        try:
            answer: dict[str, Any] = storable(msgspec.json.decode(line))
        except msgspec.DecodeError:
            continue
        return answer
    return None


def _unfinished(found: Finding, ended: ProcessResult) -> Finding:
    """What was known before the trial; a crash of the runtime is worth a warning."""
    in_trial = (found.graph or {}).get("shapes") != UNFINISHED  # of shapes, the graph itself tells it
    if ended.code is None or -ended.code not in _FAULTS or not in_trial:
        return found
    runtime = found.facts.get("runtime", {})
    did = "running made-up rows" if runtime.get("loads") else "loading it"
    name = signal.Signals(-ended.code).name
    warning = (
        f"ONNX Runtime {runtime.get('version', '')} crashed ({name}) while {did}, and a service may do the same. "
        "Convert or export the model again with other options or another release of the converter."
    )
    warnings = [*found.facts.get("warnings", []), warning]
    return replace(found, facts=found.facts | {"warnings": warnings})


def settled(declared: str, found: Finding) -> tuple[str, list[str]]:
    """The version's framework, and warnings where the declared framework contradicts the files.

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
