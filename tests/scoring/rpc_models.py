"""Models that the gRPC tests ask."""

import timeit
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from onnx import TensorProto, helper
from onnxruntime import InferenceSession, SessionOptions
from onnxruntime.datasets import get_example

from tests.scoring.conftest import KINDS, save

SIDE = 40  # of the matrices that the lasting model multiplies: too small to be shared among cores
LEAST = 2500  # products, so that the model never counts as a quick one
CONTENTS = {
    "BOOL": ("bool_contents", [True, False]),
    "UINT8": ("uint_contents", [0, 255]),
    "UINT16": ("uint_contents", [0, 65535]),
    "UINT32": ("uint_contents", [0, 2**32 - 1]),
    "UINT64": ("uint64_contents", [0, 2**64 - 1]),
    "INT8": ("int_contents", [-128, 127]),
    "INT16": ("int_contents", [-32768, 32767]),
    "INT32": ("int_contents", [-(2**31), 2**31 - 1]),
    "INT64": ("int64_contents", [-(2**63), 2**63 - 1]),
    "FP32": ("fp32_contents", [1.5, -0.25]),
    "FP64": ("fp64_contents", [1e300, 0.1]),
    "BYTES": ("bytes_contents", ["grün".encode(), b""]),
}


def iris_model(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(Path(get_example("logreg_iris.onnx")).read_bytes())


def same_model(*kinds):
    """Gives each of these datatypes back as it came."""

    def make(path):
        told = {
            side: [helper.make_tensor_value_info(f"{side}_{kind}", KINDS[kind], ["n"]) for kind in kinds]
            for side in ("in", "out")
        }
        nodes = [helper.make_node("Identity", [f"in_{kind}"], [f"out_{kind}"]) for kind in kinds]
        return save(path, nodes, told["in"], told["out"])

    return make


def halves_model(path):
    """FP32 as FP16."""
    given = helper.make_tensor_value_info("in_FP32", TensorProto.FLOAT, ["n"])
    half = helper.make_tensor_value_info("half", TensorProto.FLOAT16, ["n"])
    return save(path, [helper.make_node("Cast", ["in_FP32"], ["half"], to=TensorProto.FLOAT16)], [given], [half])


def lasting_model(path):
    """y = x, after work that lasts 1 to 3 µs for each of `times`, and for `LEAST` more."""
    eye = helper.make_tensor("eye", TensorProto.FLOAT, [SIDE, SIDE], np.eye(SIDE).ravel())
    least = helper.make_tensor("least", TensorProto.INT64, [], [LEAST])
    seed = helper.make_tensor("seed", TensorProto.FLOAT, [SIDE, SIDE], np.zeros(SIDE * SIDE))
    state, out = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [SIDE, SIDE]) for name in ("state", "state_out")
    )
    turn = helper.make_tensor_value_info("turn", TensorProto.INT64, [])
    go, go_out = (helper.make_tensor_value_info(name, TensorProto.BOOL, []) for name in ("go", "go_out"))
    body = helper.make_graph(
        [helper.make_node("MatMul", ["state", "eye"], ["state_out"]), helper.make_node("Identity", ["go"], ["go_out"])],
        "body", [turn, go, state], [go_out, out], initializer=[eye],
    )  # fmt: skip
    nodes = [
        helper.make_node("Squeeze", ["times"], ["asked"]),
        helper.make_node("Add", ["asked", "least"], ["turns"]),
        helper.make_node("Loop", ["turns", "", "seed"], ["worked"], body=body),
        helper.make_node("ReduceSum", ["worked"], ["nothing"], keepdims=0),
        helper.make_node("Add", ["x", "nothing"], ["y"]),
    ]
    times = helper.make_tensor_value_info("times", TensorProto.INT64, [1])
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y"))
    return save(path, nodes, [times, x], [y], [least, seed])


@cache
def times_a_second() -> int:
    """How many of the lasting model's `times` this machine does in a second, when it is at its quickest."""
    with TemporaryDirectory() as folder:
        options = SessionOptions()
        options.intra_op_num_threads = 1
        session = InferenceSession(str(lasting_model(Path(folder, "model.onnx"))), options)
    feed = {"times": np.array([20 * LEAST]), "x": np.ones(1, np.float32)}
    return int(21 * LEAST / min(timeit.repeat(lambda: session.run(None, feed), number=1, repeat=5)))
