"""The backend tests of the installed `onnx` package, and what ONNX Runtime itself answers to them."""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

from scoring.contract import BundledModel
from scoring.core.errors import StartFailure
from scoring.onnx.batch_dependence import RANDOM
from scoring.onnx.model import OnnxModel

NEWEST_FORMAT = re.compile(r"max supported IR version: (\d+)")
Arrays = dict[str, np.ndarray]


@dataclass
class Case:
    """A test: its model, its inputs by name, and what comes out, first as the package says and then as ONNX Runtime."""

    name: str
    model: bytes
    inputs: dict[str, Any]
    expected: list[Any]
    outputs: Arrays = field(default_factory=dict)
    loaded: OnnxModel | None = None

    @property
    def as_expected(self) -> bool:
        """Whether ONNX Runtime itself gives what the package expects."""
        return all(
            np.shape(expected) == found.shape and close(np.asarray(expected), found)
            for expected, found in zip_longest(self.expected, self.outputs.values(), fillvalue=np.zeros(0))
        )


def close(expected: np.ndarray, found: np.ndarray) -> bool:
    if found.dtype.kind != "f":
        return bool(np.array_equal(expected, found))
    return bool(np.allclose(expected, found, rtol=1e-3, atol=1e-5, equal_nan=True))


def cases() -> Iterator[Case]:
    """Every test of the installed package."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, of tests about overflow
        from onnx.backend.test.case import model as models
        from onnx.backend.test.loader import load_model_tests

        found = [*load_model_tests(kind="node"), *models.collect_testcases()]
    for kind in ("pytorch-converted", "pytorch-operator"):
        found += load_model_tests(kind=kind)
    for test in sorted(found, key=lambda one: one.name):
        yield case_of(test)


def case_of(test: Any) -> Case:
    if test.model_dir:
        return from_folder(test.name, Path(test.model_dir))
    if test.url:
        return from_light(test.name, Path(onnx.__file__).parents[1] / test.url)
    given, expected = test.data_sets[0]
    names = [one.name for one in test.model.graph.input]
    inputs = dict(zip(names, map(array_of, given), strict=False))
    return Case(test.name, test.model.SerializeToString(), inputs, list(map(array_of, expected)))


def from_folder(name: str, folder: Path) -> Case:
    model = onnx.load(str(folder / "model.onnx"))
    data = folder / "test_data_set_0"
    names = [one.name for one in needed(model)]
    given = [read(data / f"input_{place}.pb") for place in range(len(list(data.glob("input_*.pb"))))]
    expected = [read(data / f"output_{place}.pb") for place in range(len(list(data.glob("output_*.pb"))))]
    return Case(name, (folder / "model.onnx").read_bytes(), dict(zip(names, given, strict=False)), expected)


def from_light(name: str, file: Path) -> Case:
    """A well-known network with weights of zeros: its inputs are counted up, as the package's runner does."""
    inputs = {}
    for one in needed(onnx.load(str(file))):
        shape = [size.dim_value or 1 for size in one.type.tensor_type.shape.dim]
        inputs[one.name] = (np.arange(np.prod(shape)).reshape(shape) / np.prod(shape)).astype(np.float32)
    return Case(name, file.read_bytes(), inputs, [read(file.with_name(f"{file.stem}_output_0.pb"))])


def needed(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    constants = {one.name for one in model.graph.initializer}
    return [one for one in model.graph.input if one.name not in constants]


def read(file: Path) -> np.ndarray:
    return numpy_helper.to_array(onnx.load_tensor(str(file)))


def array_of(value: Any) -> Any:
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return np.asarray(value) if isinstance(value, np.generic) else value  # the runtime takes no numpy scalars


def run_here(case: Case, folder: Path) -> str:
    """Let ONNX Runtime run a test; empty, or why it has no answer to compare with."""
    path = folder / "model.onnx"
    try:
        session = session_of(case, path)
        results = session.run(None, case.inputs)
    except Exception:  # of whatever kind: it does not run it
        return "onnxruntime does not run it"
    if is_random(case.model):
        return "its results are random"
    try:
        case.loaded = OnnxModel(BundledModel(name=case.name, version=1, path=""), path, 1)
    except StartFailure:
        return "its inputs or outputs are no tensors of the protocol's types"
    case.outputs = {one.name: np.asarray(result) for one, result in zip(session.get_outputs(), results, strict=True)}
    return ""


def session_of(case: Case, path: Path) -> onnxruntime.InferenceSession:
    """A session on one core, where need be of the newest version of the format that the runtime knows."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    path.write_bytes(case.model)
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        newest = NEWEST_FORMAT.search(str(error))
        if newest is None:
            raise
    model = onnx.load_from_string(case.model)
    model.ir_version = int(newest[1])
    case.model = model.SerializeToString()
    path.write_bytes(case.model)
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def is_random(model: bytes) -> bool:
    graph = onnx.load_from_string(model).graph
    return any(node.op_type in RANDOM or node.op_type.startswith("Random") for node in graph.node) or (
        any(node.op_type == "Dropout" and len(node.input) > 2 for node in graph.node)
    )
