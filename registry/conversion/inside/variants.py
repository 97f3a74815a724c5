"""The ways to make an ONNX file faster or smaller. Each writes a file, or says why there is nothing to gain."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from registry.conversion.inside.rows import Rows, count_of, part

LEAST_ROWS = 100  # to calibrate with
QUANTIZED = ("MatMulInteger", "ConvInteger", "DynamicQuantizeLinear", "QuantizeLinear", "QLinearConv", "QLinearMatMul")
HEAVY = frozenset({"MatMul", "Gemm", "Conv", "LSTM", "GRU", "Attention"})  # what quantization speeds up


class NotTried(Exception):
    """The reason is for people."""


@dataclass(frozen=True)
class Variant:
    """`reduced`: its numbers have fewer bits, and its answers may move a little. `make(source, place, rows)`."""

    name: str
    title: str
    note: str
    make: Callable[[Path, Path, Rows], None]
    reduced: bool = False


def _copied(source: Path, place: Path, rows: Rows) -> None:
    place.write_bytes(source.read_bytes())


def _optimised(source: Path, place: Path, rows: Rows) -> None:
    """ONNX Runtime's own rewriting, as far as it holds on every machine."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(place)
    options.log_severity_level = 4
    onnxruntime.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])
    _must_differ(source, place, "ONNX Runtime finds nothing to rewrite.")


def _simplified(source: Path, place: Path, rows: Rows) -> None:
    try:
        import onnxslim
    except ModuleNotFoundError as reason:
        raise NotTried("onnxslim is not in this environment.") from reason
    _no_output()
    slim = onnxslim.slim(onnx.load(source))
    onnx.save(slim, place)
    _must_differ(source, place, "There is nothing to simplify.")


def _no_output() -> None:
    import logging

    logging.disable(logging.WARNING)


def _halved(source: Path, place: Path, rows: Rows) -> None:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = onnx.load(source)
    before = _sixteen(model)
    halved = convert_float_to_float16(model, keep_io_types=True)
    _keep_one_of_each(halved)
    if _sixteen(halved) == before:
        raise NotTried("There is nothing that half precision holds: trees and texts keep their numbers.")
    onnx.save(halved, place)


def _keep_one_of_each(model: onnx.ModelProto) -> None:
    """Of casts that were added for each use of a value under one name, as onnxruntime 1.31.1 does, which refuses it."""
    kept = {tuple(node.output): node for node in model.graph.node}
    if len(kept) < len(model.graph.node):
        nodes = list(kept.values())
        del model.graph.node[:]
        model.graph.node.extend(nodes)


def _sixteen(model: onnx.ModelProto) -> int:
    return sum(one.data_type == onnx.TensorProto.FLOAT16 for one in model.graph.initializer)


def _dynamic(source: Path, place: Path, rows: Rows) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    _must_be_heavy(source)
    quantize_dynamic(str(source), str(place), weight_type=QuantType.QInt8)
    _must_be_quantized(place)


def _static(source: Path, place: Path, rows: Rows) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    _must_be_heavy(source)
    if count_of(rows) < LEAST_ROWS:
        raise NotTried(f"Needs at least {LEAST_ROWS} rows to calibrate, there are {count_of(rows)}.")
    quantize_static(
        str(source),
        str(place),
        _Reader(source, rows),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
    )
    _must_be_quantized(place)


class _Reader:
    """Gives the calibration rows in small batches, as `CalibrationDataReader` does."""

    def __init__(self, source: Path, rows: Rows) -> None:
        from registry.conversion.inside.session import Session

        feed = Session(source).feed(rows)
        self._batches: Iterator[dict[str, Any]] = iter([part(feed, at, 32) for at in range(0, count_of(feed), 32)])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._batches, None)

    def __iter__(self) -> "_Reader":
        return self

    def __next__(self) -> dict[str, Any]:
        return next(self._batches)


def operators_of(path: Path) -> dict[str, int]:
    """How many of each, main graph only."""
    names, counts = np.unique([node.op_type for node in onnx.load(path).graph.node], return_counts=True)
    return dict(zip(map(str, names), map(int, counts), strict=True))


def _must_be_heavy(source: Path) -> None:
    if not HEAVY.intersection(operators_of(source)):
        raise NotTried("It has no matrix products or convolutions, which are what 8 bits speed up.")


def _must_be_quantized(place: Path) -> None:
    if not set(QUANTIZED).intersection(operators_of(place)):
        raise NotTried("Nothing of it could be quantized: it may compute in 64 bits.")


def _must_differ(source: Path, place: Path, reason: str) -> None:
    if operators_of(source) == operators_of(place):
        raise NotTried(reason)


ALL = (
    Variant("onnx", "ONNX", "as converted", _copied),
    Variant("simplified", "ONNX simplified", "constants folded, dead parts removed", _simplified),
    Variant("optimised", "ONNX graph optimised", "operators fused by ONNX Runtime", _optimised),
    Variant("float16", "ONNX float16", "weights and sums in half precision", _halved, reduced=True),
    Variant("int8-dynamic", "ONNX int8, dynamic", "weights in 8 bits, scales by each run", _dynamic, reduced=True),
    Variant("int8-static", "ONNX int8, static", "weights and sums in 8 bits, calibrated", _static, reduced=True),
)
BY_NAME = {one.name: one for one in ALL}
