"""What is read from MLflow's MLmodel file: framework, signature, the order of columns."""

import json
import pickle

import pytest
import yaml
from onnx import TensorProto

from tests.registry.factories import onnx_bytes

COLUMNS = [
    {"type": "double", "name": "sepal", "required": True},
    {"type": "long", "name": "count", "required": True},
    {"type": "string", "name": "place", "required": False},
]
LABEL = [{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]


def mlmodel(flavors, *, inputs=COLUMNS, outputs=LABEL):
    told = {
        "mlflow_version": "3.17.2",
        "flavors": {"python_function": {"loader_module": "x"}} | flavors,
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None},
    }
    return yaml.safe_dump(told).encode()


SKLEARN = mlmodel({"sklearn": {"sklearn_version": "1.9.1"}})


@pytest.mark.parametrize("folder", ["", "model/"])
def test_framework_and_signature_are_read(read_formats, folder):
    report = read_formats({f"{folder}MLmodel": SKLEARN, f"{folder}model.pkl": pickle.dumps({})})
    assert (report.framework, report.framework_version) == ("scikit-learn", "1.9.1")
    assert report.facts["main_file"] == f"{folder}model.pkl"
    assert report.facts["mlflow_flavors"] == ["python_function", "sklearn"]
    assert report.signature == {
        "inputs": [
            {"name": "sepal", "datatype": "FP64", "shape": [-1]},
            {"name": "count", "datatype": "INT64", "shape": [-1]},
            {"name": "place", "datatype": "BYTES", "shape": [-1], "optional": True},
        ],
        "outputs": [{"name": "output", "datatype": "INT64", "shape": [-1]}],
        "columns": ["sepal", "count", "place"],
    }


def test_onnx_signature_keeps_its_inputs_and_gains_the_columns(read_formats):
    x = ("x", TensorProto.FLOAT, [None, 3])
    report = read_formats({"MLmodel": mlmodel({"onnx": {"onnx_version": "1.23.2"}}), "model.onnx": onnx_bytes([x])})
    assert report.framework == "onnx"
    assert [tensor["name"] for tensor in report.signature["inputs"]] == ["x"]
    assert report.signature["columns"] == ["sepal", "count", "place"]


def test_tensor_signature_has_no_columns(read_formats):
    tensor = [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 28, 28]}}]
    report = read_formats({"MLmodel": mlmodel({"pytorch": {}}, inputs=tensor), "data.bin": b"\xff\xfe\x00"})
    assert report.signature["inputs"] == [{"name": "input", "datatype": "FP32", "shape": [-1, 28, 28]}]
    assert "columns" not in report.signature
    assert report.framework == "pytorch"


def test_absurd_dimension_becomes_dynamic(read_formats):
    tensor = [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 10**30]}}]
    report = read_formats({"MLmodel": mlmodel({"pytorch": {}}, inputs=tensor), "data.bin": b"\xff\xfe\x00"})
    assert report.signature["inputs"][0]["shape"] == [-1, -1]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"- a list",
        b"flavors: {sklearn: {}",
        b"flavors: !!python/object/apply:os.system [true]",
        b"a: &a [1]\nflavors: {sklearn: *a}",
        b"[" * 5000,
    ],
)
def test_unreadable_mlmodel_file_is_ignored(read_formats, content):
    report = read_formats({"MLmodel": content, "model.pkl": pickle.dumps({})})
    assert (report.framework, report.signature) == ("custom", None)


@pytest.mark.parametrize("inputs", ["no JSON", "[" * 100_000, "[1]", "{}", 7])
def test_framework_is_read_although_the_signature_is_unreadable(read_formats, inputs):
    told = {"flavors": {"sklearn": {}}, "signature": {"inputs": inputs}}
    report = read_formats({"MLmodel": yaml.safe_dump(told).encode(), "model.pkl": pickle.dumps({})})
    assert (report.framework, report.signature) == ("scikit-learn", None)
