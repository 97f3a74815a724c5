"""What is read from an ONNX file, and which files are rejected."""

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from registry.inspection.formats.report import Refused
from tests.registry.factories import graph_bytes, onnx_bytes, with_external_data


def test_dimensions_of_every_kind_are_read(read_formats):
    formula = "floor((height + 2*pad - kernel)/stride) + 1 " * 15
    report = read_formats({"m.onnx": onnx_bytes([("x", TensorProto.INT64, ["N", None, "?", formula, 0, 3])])})
    assert report.signature["inputs"][0] == {"name": "x", "datatype": "INT64", "shape": [-1, -1, -1, -1, 0, 3]}
    assert report.facts["dimensions"]["x"][:3] == ["N", None, "?"]
    assert len(report.facts["dimensions"]["x"][3]) == 100


@pytest.mark.parametrize(
    ("kind", "datatype"),
    [
        (TensorProto.STRING, "BYTES"),
        (TensorProto.FLOAT16, "FP16"),
        (TensorProto.DOUBLE, "FP64"),
        (TensorProto.UINT8, "UINT8"),
        (TensorProto.BOOL, "BOOL"),
        (TensorProto.COMPLEX64, "COMPLEX64"),
    ],
)
def test_datatypes_are_named_as_in_the_open_inference_protocol(read_formats, kind, datatype):
    assert read_formats({"m.onnx": onnx_bytes([("x", kind, [1])])}).signature["inputs"][0]["datatype"] == datatype


@pytest.mark.parametrize("ir_version", [3, 8])
def test_a_weight_listed_as_an_input_is_optional_except_in_old_files(read_formats, ir_version):
    weights = numpy_helper.from_array(np.ones((4, 3), np.float32), "w")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])
    w = helper.make_tensor_value_info("w", TensorProto.FLOAT, [4, 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    model = onnx.load_from_string(graph_bytes([x, w], [y], nodes, initializer=[weights], opsets=[("", 8)]))
    model.ir_version = ir_version
    report = read_formats({"m.onnx": model.SerializeToString()})
    optional = {"name": "w", "datatype": "FP32", "shape": [4, 3], "optional": True}
    required = {"name": "x", "datatype": "FP32", "shape": [-1, 4]}
    assert report.signature["inputs"] == ([required] if ir_version == 3 else [required, optional])
    assert (report.facts["parameters"], report.facts["parameter_bytes"]) == (12, 48)


def test_output_that_is_no_tensor_is_a_warning(read_formats):
    x = helper.make_tensor_value_info("x", TensorProto.INT64, [1])
    y = helper.make_value_info(
        "y", helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.INT64, None))
    )
    report = read_formats({"m.onnx": graph_bytes([x], [y], [helper.make_node("SequenceConstruct", ["x"], ["y"])])})
    assert report.signature["outputs"][0]["datatype"] == "SEQUENCE"
    assert report.warnings[0].startswith("The output y is a sequence, not a tensor.")


def test_sequence_of_maps_has_the_signature_of_a_matrix(read_formats):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])
    numbers = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
    maps = helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.INT64, numbers))
    y = helper.make_value_info("y", maps)
    node = helper.make_node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", classlabels_int64s=[0, 1])
    report = read_formats({"m.onnx": graph_bytes([x], [y], [node], opsets=[("", 17), ("ai.onnx.ml", 3)])})
    assert report.signature["outputs"] == [{"name": "y", "datatype": "FP32", "shape": [-1, -1]}]
    assert report.warnings == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (TensorProto.BFLOAT16, "BF16"),
        (TensorProto.FLOAT8E4M3FN, "FLOAT8E4M3FN"),
        (TensorProto.INT4, "INT4"),
        (TensorProto.COMPLEX64, "COMPLEX64"),
    ],
)
def test_datatype_outside_the_protocol_is_a_warning(read_formats, kind, name):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
    like = helper.make_tensor_value_info("like", kind, ["n"])
    y = helper.make_tensor_value_info("y", kind, ["n"])
    nodes = [helper.make_node("Identity", ["like"], ["y"]), helper.make_node("Neg", ["x"], ["unused"])]
    warnings = read_formats({"m.onnx": graph_bytes([x, like], [y], nodes, opsets=[("", 21)])}).warnings
    told = f"is a tensor of {name}, a type that requests and answers cannot carry"
    assert warnings[:2] == [
        f"The input like {told}; only an entry script can feed it.",
        f"The output y {told}. End the graph with a Cast to FLOAT, or use an entry script.",
    ]


def test_operators_of_unknown_domains_are_a_warning(read_formats):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    node = helper.make_node("Magic", ["x"], ["y"], domain="org.wizards")
    report = read_formats({"m.onnx": graph_bytes([x], [y], [node], opsets=[("", 17), ("org.wizards", 1)])})
    (warning,) = report.warnings
    assert warning.startswith("It uses operators of org.wizards, which a standard runtime lacks. Serve it with an ")
    assert report.facts["operators"] == {"org.wizards.Magic": 1}


def test_unknown_operator_of_the_main_domain_is_rejected(read_formats):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    with pytest.raises(Refused) as said:
        read_formats({"m.onnx": graph_bytes([x], [y], [helper.make_node("NoSuchThing", ["x"], ["y"])])})
    assert said.value.code == "onnx_invalid"
    assert "NoSuchThing" in said.value.message


def test_weights_beside_the_graph_are_found(read_formats):
    report = read_formats({"net/m.onnx": with_external_data("w.bin"), "net/w.bin": bytes(48)})
    assert report.facts["external_data"] == ["w.bin"]
    assert report.facts["main_file"] == "net/m.onnx"
    assert report.facts["parameters"] == 12


@pytest.mark.parametrize(
    ("location", "files", "code"),
    [
        ("w.bin", {}, "onnx_external_data_missing"),
        ("w.bin", {"net/w.bin": bytes(40)}, "onnx_external_data_truncated"),
        ("../w.bin", {"w.bin": bytes(48)}, "onnx_external_data_outside"),
        ("/etc/passwd", {}, "onnx_external_data_outside"),
        ("", {}, "onnx_external_data_outside"),
    ],
)
def test_missing_external_weights_are_rejected(read_formats, location, files, code):
    with pytest.raises(Refused) as said:
        read_formats({"net/m.onnx": with_external_data(location), **files})
    assert said.value.code == code


def elsewhere():
    """A tensor whose bytes lie outside of the version's folder."""
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    return tensor


def sparse(**parts):
    return onnx.SparseTensorProto(dims=[4], **parts)


def with_node(given):
    """A change of a model: one more node, with this attribute."""
    return lambda model: model.graph.node.add(op_type="Constant", output=["c"]).attribute.append(given)


def attribute(kind, **value):
    return onnx.AttributeProto(name="a", type=getattr(onnx.AttributeProto, kind), **value)


PLACES = {
    "initializer": lambda model: model.graph.initializer.append(elsewhere()),
    "values of a sparse initializer": lambda model: model.graph.sparse_initializer.append(sparse(values=elsewhere())),
    "indices of a sparse initializer": lambda model: model.graph.sparse_initializer.append(sparse(indices=elsewhere())),
    "attribute": with_node(attribute("TENSOR", t=elsewhere())),
    "attribute of several": with_node(attribute("TENSORS", tensors=[elsewhere()])),
    "sparse attribute": with_node(attribute("SPARSE_TENSOR", sparse_tensor=sparse(indices=elsewhere()))),
    "branch": with_node(attribute("GRAPH", g=onnx.GraphProto(initializer=[elsewhere()]))),
    "branches": with_node(attribute("GRAPHS", graphs=[onnx.GraphProto(initializer=[elsewhere()])])),
    "function": lambda model: (
        model.functions.add(name="f", domain="d")
        .node.add(op_type="Constant", output=["c"])
        .attribute.append(attribute("TENSOR", t=elsewhere()))
    ),
    "default of a function": lambda model: model.functions.add(name="f", domain="d").attribute_proto.append(
        attribute("TENSOR", t=elsewhere())
    ),
    "training": lambda model: model.training_info.add().initialization.initializer.append(elsewhere()),
}


@pytest.mark.parametrize("change", PLACES.values(), ids=PLACES)
def test_weights_outside_of_the_folder_are_rejected_wherever_the_model_names_them(read_formats, change):
    model = onnx.load_from_string(onnx_bytes([("x", TensorProto.FLOAT, [1])]))
    change(model)
    with pytest.raises(Refused) as said:
        read_formats({"m.onnx": model.SerializeToString()})
    assert said.value.code == "onnx_external_data_outside"


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, len(onnx_bytes()) - 1))
def test_truncated_onnx_is_rejected(read_formats, length):
    with pytest.raises(Refused):
        read_formats({"m.onnx": onnx_bytes()[:length]})
