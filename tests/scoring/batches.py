"""Models whose rows share runs well, badly or wrongly, and requests of them."""

import asyncio

import numpy as np
import orjson
from onnx import TensorProto, helper, numpy_helper

from scoring.contract import BundledModel
from scoring.core.request import Request
from scoring.engine.model_handler import ModelHandler
from scoring.forms.open_inference import OpenInference
from scoring.onnx.model import OnnxModel
from scoring.queue.admission import Admission
from scoring.queue.batcher import Batcher
from scoring.queue.call import QueuedCall
from tests.scoring.conftest import save

WIDTH, LAYERS = 1024, 32
TABLE = [0.0, 10.0, 20.0, 30.0]
FARTHEST = {"high": 65504.0, "low": -65504.0}


def heavy_model(path, *, name="y"):
    """y = mean of x along its tokens + TABLE[pick], after work that costs about the same for one row as for eight."""
    constants = [
        numpy_helper.from_array(np.array(TABLE, np.float32), "table"),
        numpy_helper.from_array(np.array([0.0], np.float32), "zero"),
        numpy_helper.from_array(np.array([1], np.int64), "tokens_axis"),
        numpy_helper.from_array(np.array([WIDTH, WIDTH], np.int64), "shape"),
        numpy_helper.from_array(np.full((1, WIDTH), 1.0, np.float32), "widen"),
    ]
    weight = helper.make_tensor("value", TensorProto.FLOAT, [1], [1 / WIDTH])
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["weights"], value=weight),
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("MatMul", ["mean", "widen"], ["layer_0"]),
        *(helper.make_node("MatMul", [f"layer_{n}", "weights"], [f"layer_{n + 1}"]) for n in range(LAYERS)),
        helper.make_node("ReduceMean", [f"layer_{LAYERS}"], ["worked"], axes=[1], keepdims=0),
        helper.make_node("Gather", ["table", "pick"], ["picked"]),
        helper.make_node("Add", ["worked", "picked"], [name]),
    ]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", "tokens"]),
        helper.make_tensor_value_info("pick", TensorProto.INT64, ["rows"]),
    ]
    return save(path, nodes, inputs, [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows"])], constants)


def mixing_model(path):
    """Every row comes out as the sum of all rows: it must not be batched."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 4])
    nodes = [helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=1), helper.make_node("Add", ["x", "sum"], ["y"])]
    return save(path, nodes, [x], [y])


def filter_model(path):
    """Those of x that are not below zero: as many rows as it likes."""
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["kept"])
    nodes = [
        helper.make_node("GreaterOrEqual", ["x", "zero"], ["wanted"]),
        helper.make_node("Compress", ["x", "wanted"], ["y"], axis=0),
    ]
    return save(path, nodes, [x], [y], [zero])


def tensor(name: str, shape: list[int], data: list[float]) -> dict:
    return {"name": name, "shape": shape, "datatype": "FP32", "data": data}


def vector(x: list[float]) -> dict:
    return {"inputs": [tensor("x", [len(x)], x)]}


def pair(a: list[float], b: list[float]) -> dict:
    return {"inputs": [tensor("a", [len(a)], a), tensor("b", [len(b)], b)]}


def load(path) -> OnnxModel:
    return OnnxModel(BundledModel(name="heavy", version=1, path=""), path, 1)


class Client:
    """In place of a connection."""

    def __init__(self, *, half_closed: bool = False) -> None:
        self.disconnected, self.half_closed = False, half_closed


def body(value: float, *, tokens: int = 4, rows: int = 1, pick: int = 0) -> dict:
    """Row n is filled with `value` + n."""
    values = [value + row for row in range(rows) for _ in range(tokens)]
    return {
        "inputs": [
            {"name": "x", "shape": [rows, tokens], "datatype": "FP32", "data": values},
            {"name": "pick", "shape": [rows], "datatype": "INT64", "data": [pick] * rows},
        ]
    }


def queued(model: OnnxModel, batcher: Batcher, content: dict | bytes, *, half_closed: bool = False) -> QueuedCall:
    request = Request(Client(half_closed=half_closed), b"POST", b"/v2/models/heavy/infer", {})
    request.body = content if isinstance(content, bytes) else orjson.dumps(content)
    made = QueuedCall(ModelHandler(OpenInference(model), model, batcher), request, lambda *_: None)
    batcher.pending.append(made)
    return made


def admission_of(runners: int) -> Admission:
    """The queue of a process, on the loop that runs."""
    return Admission(
        asyncio.get_running_loop(),
        runners=runners,
        limit=40,
        wait=10,
        timeout=10,
        on_stuck=lambda: None,
        prepare_thread=lambda: None,
    )


def values_of(answer: bytes) -> list[float]:
    [output] = orjson.loads(answer)["outputs"]
    assert output["shape"] == [len(output["data"])]
    return output["data"]


def answers_of(batcher: Batcher, calls: list[QueuedCall]) -> list:
    for one in calls:
        one.claim()
    results = dict(batcher.run(calls))
    assert set(results) == set(calls), "somebody was never answered"
    return [results[one] for one in calls]
