"""Shapes that a graph does not state but that follow from its operators, by ONNX's own inference.

It is the last step of an inspection and may end the process: what was found before has been kept by then.
"""

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import ModelProto, TensorProto
from onnx.helper import make_tensor_value_info

from registry.inspection.formats.memory import free_bytes
from registry.inspection.formats.onnx_nodes import describe_values
from registry.inspection.formats.report import Report
from registry.inspection.graph import INFERRED, MAX_NODES, MAX_TEXT, STATED, UNFINISHED

MAX_BYTES = 512 * 1024 * 1024  # of a file that is read once more
MAX_LIGHT = 32 * 1024 * 1024  # of a model whose large weights have been left out
SMALL = 1024  # numbers; shapes are computed from small tensors, and never from larger ones
FACTOR = 6  # memory that reading and inference take, in sizes of the file


def infer(report: Report, root: Path, keep: Callable[[], None]) -> None:
    """Add what follows to the report's graph; of a graph that is too large, or that it fails for, nothing."""
    path = root / report.facts["main_file"]
    size = path.stat().st_size
    if report.graph is None or report.graph["total"] > MAX_NODES or size > MAX_BYTES or FACTOR * size > free_bytes():
        return
    report.graph["shapes"] = UNFINISHED
    keep()
    report.graph["shapes"] = INFERRED if _infer(report.graph, path) else STATED


def _infer(graph: dict[str, Any], path: Path) -> bool:
    try:
        model = onnx.load(path, load_external_data=False)
        _leave_out_weights(model)
        if model.ByteSize() > MAX_LIGHT:
            return False
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
        # A name that was cut may be that of another tensor as well.
        places = {each["name"]: place for place, each in enumerate(graph["tensors"]) if len(each["name"]) < MAX_TEXT}
        describe_values(graph["tensors"], places, (*inferred.graph.value_info, *inferred.graph.output))
    except (DecodeError, MemoryError, onnx.shape_inference.InferenceError, RuntimeError, ValueError):
        return False
    return True


def _leave_out_weights(model: ModelProto) -> None:
    """Large weights, and those in other files, become inputs of their shape: inference copies the whole model."""
    stated = {value.name for value in model.graph.input}
    kept = []
    for tensor in model.graph.initializer:
        if prod(tensor.dims) <= SMALL and tensor.data_location != TensorProto.EXTERNAL:
            kept.append(tensor)
        elif tensor.name not in stated:
            model.graph.input.append(make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    small = [TensorProto.FromString(tensor.SerializeToString()) for tensor in kept]
    del model.graph.initializer[:]
    model.graph.initializer.extend(small)
