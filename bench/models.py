"""The models that bench/scoring.py serves, built here with fixed random weights: what they say does not matter.

tiny         logistic regression on four numbers, as iris would have it
tabular      a forest of 100 trees on 30 features, trained on the breast-cancer data
cnn          ResNet-18 (He et al. 2015) on 3 x 224 x 224
transformer  an encoder of MiniLM-L6's shape (6 layers, 384 wide, 12 heads), mean of its 32 tokens
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, IR = 17, 8


class Graph:
    """A graph that grows by calls; every method gives the name of what it made."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._chance = np.random.default_rng(7)

    def op(self, kind: str, *inputs: str, **attributes: object) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def constant(self, value: np.ndarray) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def weights(self, *shape: int, scale: float = 0.02) -> str:
        return self.constant((self._chance.standard_normal(shape) * scale).astype(np.float32))

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, dtype=np.int64))

    def save(self, path: Path, inputs: dict[str, tuple[int, list]], outputs: dict[str, tuple[str, int, list]]) -> None:
        """`inputs` by name: type and shape; `outputs` by name: what of the graph, type and shape."""
        for name, (made, _, _) in outputs.items():
            self.nodes.append(helper.make_node("Identity", [made], [name]))
        graph = helper.make_graph(
            self.nodes,
            "bench",
            [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
            [helper.make_tensor_value_info(name, kind, shape) for name, (_, kind, shape) in outputs.items()],
            initializer=self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
        onnx.save(model, str(path))


def tiny(path: Path) -> None:
    graph = Graph()
    scores = graph.op("Add", graph.op("MatMul", "x", graph.weights(4, 3, scale=1.0)), graph.weights(3, scale=1.0))
    probabilities = graph.op("Softmax", scores, axis=1)
    label = graph.op("ArgMax", scores, axis=1, keepdims=0)
    graph.save(
        path,
        {"x": (TensorProto.FLOAT, ["rows", 4])},
        {
            "label": (label, TensorProto.INT64, ["rows"]),
            "probabilities": (probabilities, TensorProto.FLOAT, ["rows", 3]),
        },
    )


def tabular(path: Path) -> None:
    from skl2onnx import to_onnx
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import RandomForestClassifier

    features, labels = load_breast_cancer(return_X_y=True)
    forest = RandomForestClassifier(100, random_state=0).fit(features, labels)
    made = to_onnx(forest, features[:1].astype(np.float32), options={"zipmap": False}, target_opset=OPSET)
    made.graph.input[0].name, old = "x", made.graph.input[0].name
    for node in made.graph.node:
        node.input[:] = ["x" if name == old else name for name in node.input]
    onnx.save(made, str(path))


def cnn(path: Path) -> None:
    graph = Graph()

    def convolution(x: str, channels: tuple[int, int], kernel: int, stride: int) -> str:
        before, after = channels
        weights = graph.weights(after, before, kernel, kernel, scale=(2 / (before * kernel * kernel)) ** 0.5)
        pads = [kernel // 2] * 4
        shape = {"kernel_shape": [kernel, kernel], "strides": [stride, stride], "pads": pads}
        return graph.op("Conv", x, weights, graph.weights(after), **shape)

    def block(x: str, before: int, after: int, stride: int) -> str:
        inner = graph.op("Relu", convolution(x, (before, after), 3, stride))
        inner = convolution(inner, (after, after), 3, 1)
        passed = x if before == after else convolution(x, (before, after), 1, stride)
        return graph.op("Relu", graph.op("Add", inner, passed))

    x = graph.op("Relu", convolution("x", (3, 64), 7, 2))
    x = graph.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    for before, after, stride in ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)):
        x = block(block(x, before, after, stride), after, after, 1)
    x = graph.op("Flatten", graph.op("GlobalAveragePool", x))
    scores = graph.op("Add", graph.op("MatMul", x, graph.weights(512, 1000)), graph.weights(1000))
    graph.save(
        path,
        {"x": (TensorProto.FLOAT, ["rows", 3, 224, 224])},
        {"scores": (scores, TensorProto.FLOAT, ["rows", 1000])},
    )


WIDTH, HEADS, INNER, LAYERS, VOCABULARY, POSITIONS = 384, 12, 1536, 6, 30522, 512


def transformer(path: Path) -> None:
    graph = Graph()

    def linear(x: str, before: int, after: int) -> str:
        return graph.op("Add", graph.op("MatMul", x, graph.weights(before, after)), graph.weights(after))

    def normal(x: str) -> str:
        scale, shift = graph.constant(np.ones(WIDTH, np.float32)), graph.constant(np.zeros(WIDTH, np.float32))
        return graph.op("LayerNormalization", x, scale, shift, axis=-1, epsilon=1e-12)

    def heads(x: str, *, transposed: bool = False) -> str:
        split = graph.op("Reshape", x, graph.ints(0, 0, HEADS, WIDTH // HEADS))
        return graph.op("Transpose", split, perm=[0, 2, 3, 1] if transposed else [0, 2, 1, 3])

    def attention(x: str, mask: str) -> str:
        query, key, value = (linear(x, WIDTH, WIDTH) for _ in range(3))
        scores = graph.op("MatMul", heads(query), heads(key, transposed=True))
        scaled = graph.op("Div", scores, graph.constant(np.float32((WIDTH / HEADS) ** 0.5)))
        weights = graph.op("Softmax", graph.op("Add", scaled, mask), axis=-1)
        joined = graph.op("Transpose", graph.op("MatMul", weights, heads(value)), perm=[0, 2, 1, 3])
        return linear(graph.op("Reshape", joined, graph.ints(0, 0, WIDTH)), WIDTH, WIDTH)

    def gelu(x: str) -> str:
        erf = graph.op("Erf", graph.op("Div", x, graph.constant(np.float32(2**0.5))))
        grown = graph.op("Mul", x, graph.op("Add", erf, graph.constant(np.float32(1))))
        return graph.op("Mul", grown, graph.constant(np.float32(0.5)))

    there = graph.op("Cast", "attention_mask", to=TensorProto.FLOAT)
    away = graph.op("Sub", graph.constant(np.float32(1)), there)
    mask = graph.op("Unsqueeze", graph.op("Mul", away, graph.constant(np.float32(-10000))), graph.ints(1, 2))
    length = graph.op("Slice", graph.op("Shape", "input_ids"), graph.ints(1), graph.ints(2))
    places = graph.op("Slice", graph.weights(POSITIONS, WIDTH), graph.ints(0), length, graph.ints(0))
    words = graph.op("Gather", graph.weights(VOCABULARY, WIDTH), "input_ids")
    x = normal(graph.op("Add", words, places))
    for _ in range(LAYERS):
        x = normal(graph.op("Add", x, attention(x, mask)))
        x = normal(graph.op("Add", x, linear(gelu(linear(x, WIDTH, INNER)), INNER, WIDTH)))
    kept = graph.op("Mul", x, graph.op("Unsqueeze", there, graph.ints(2)))
    total = graph.op("ReduceSum", kept, graph.ints(1), keepdims=0)
    count = graph.op("ReduceSum", there, graph.ints(1), keepdims=1)
    graph.save(
        path,
        {
            "input_ids": (TensorProto.INT64, ["rows", "tokens"]),
            "attention_mask": (TensorProto.INT64, ["rows", "tokens"]),
        },
        {"embedding": (graph.op("Div", total, count), TensorProto.FLOAT, ["rows", WIDTH])},
    )


MODELS: dict[str, Callable[[Path], None]] = {
    "tiny": tiny,
    "tabular": tabular,
    "cnn": cnn,
    "transformer": transformer,
}
