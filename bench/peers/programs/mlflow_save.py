"""Save an ONNX file as MLflow's own ONNX flavour: `python mlflow_save.py model.onnx folder`."""

import sys

import mlflow.onnx
import numpy as np
import onnx
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec

DTYPES = {onnx.TensorProto.FLOAT: np.float32, onnx.TensorProto.INT64: np.int64}


def specs(tensors) -> Schema:
    shapes = {one.name: [size.dim_value or -1 for size in one.type.tensor_type.shape.dim] for one in tensors}
    kinds = {one.name: np.dtype(DTYPES[one.type.tensor_type.elem_type]) for one in tensors}
    return Schema([TensorSpec(kinds[name], shape, name) for name, shape in shapes.items()])


model = onnx.load(sys.argv[1])
mlflow.onnx.save_model(
    model,
    sys.argv[2],
    signature=ModelSignature(specs(model.graph.input), specs(model.graph.output)),
    onnx_session_options={"intra_op_num_threads": 1, "inter_op_num_threads": 1},
    onnx_execution_providers=["CPUExecutionProvider"],
    pip_requirements=["onnxruntime", "onnx"],
)
