"""Why ONNX Runtime does not load a graph, and what to do about it, in words for people."""

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
from onnx import TensorProto, helper

READ = 10_000  # characters of what the runtime says: it may hold names of any length
LONGEST = 500  # characters of the runtime's own sentence
PROBED = 64  # versions below the model's that are tried
_OPERATORS = {"ai.onnx": ("", "Identity"), "ai.onnx.ml": ("ai.onnx.ml", "Scaler")}
_CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ")
_PATH = re.compile(r"^Load model from .*? failed:\s*", re.DOTALL)
_PLACE = re.compile(r"/\S+\.(?:cc|h|cpp):\d+ .*?\)(?: const)? (?=\S)")
_HINTS = {
    "NotImplemented": "An operator has no implementation on the CPU for the types that it is used with: export the "
    "model with other types, such as float32 for bfloat16.",
}
_ELSE = (
    "Convert or export it again: with every number as float32, with each kind of column as an input of its own, or "
    "with another release of the converter."
)


def refusal_of(error: Exception, facts: Mapping[str, Any], folder: Path) -> str:
    """The warning: the runtime's release, its sentence (or the version that is too new), and the next step.

    `folder` has the model's file.
    """
    head = f"ONNX Runtime {onnxruntime.__version__}, which serves models here, cannot load it"
    if too_new := _too_new(facts):
        return f"{head}: {too_new}"
    hint = _HINTS.get(type(error).__name__, _ELSE)
    sentence = sentence_of(error, folder)[:LONGEST]
    return f"{head}: {sentence} {hint} Or serve it with an entry script whose environment has another runtime."


def sentence_of(error: Exception, folder: Path) -> str:
    """What the runtime says, without codes, places in its source, and where the files lie meanwhile."""
    text = _PLACE.sub("", _PATH.sub("", _CODE.sub("", str(error)[:READ]))).replace(f"{folder}/", "")
    text = " ".join(text.split())
    return text if text.endswith(".") else f"{text}."


def _too_new(facts: Mapping[str, Any]) -> str:
    """Versions beyond those that the runtime reads, found out with the smallest models there are."""
    found, steps = [], []
    ir_version = facts["ir_version"]
    if newest := _newest(ir_version, lambda version: _model(ir_version=version)):
        found.append(f"IR {ir_version}; this runtime reads up to {newest}")
        steps.append(f"set model.ir_version = {newest}")
    for domain, (name, operator) in _OPERATORS.items():
        opset = facts["opset"].get(domain, 0)
        if newest := _newest(opset, functools.partial(_model, name, operator)):
            found.append(f"opset {opset} of {domain}; this runtime reads up to {newest}")
            steps.append(f"export it for opset {newest}")
    if not found:
        return ""
    return (
        f"{', and '.join(found)}. In Python, {' and '.join(steps)}, save it and register that; or serve it with an "
        "entry script whose environment has a newer onnxruntime."
    )


def _newest(version: int, model: Callable[[int], bytes]) -> int:
    """The newest version that loads; 0 where `version` itself does, or none."""
    if version == 0 or _loads(model(version)):
        return 0
    return next((older for older in range(version - 1, max(0, version - PROBED), -1) if _loads(model(older))), 0)


def _loads(model: bytes) -> bool:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception:  # the runtime raises a dozen types that have no base of their own
        return False
    return True


def _model(domain: str = "", operator: str = "Identity", opset: int = 1, *, ir_version: int = 3) -> bytes:
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    node = helper.make_node(operator, ["x"], ["y"], domain=domain)
    graph = helper.make_graph([node], "probe", tensors[:1], tensors[1:])
    opsets = {"": 7} | {domain: opset if domain or opset > 1 else 7}
    imports = [onnx.helper.make_opsetid(name, version) for name, version in opsets.items()]
    model = helper.make_model(graph, opset_imports=imports)
    model.ir_version = ir_version
    return bytes(model.SerializeToString())
