"""Pure: what a model takes and gives, in the Open Inference Protocol's words, and a request that fits it."""

from math import prod
from typing import Any

import msgspec

# ONNX element types (TensorProto.DataType) in the protocol's words; the rest keep ONNX's own name.
ONNX_DATATYPES = {
    1: "FP32",
    2: "UINT8",
    3: "INT8",
    4: "UINT16",
    5: "INT16",
    6: "INT32",
    7: "INT64",
    8: "BYTES",
    9: "BOOL",
    10: "FP16",
    11: "FP64",
    12: "UINT32",
    13: "UINT64",
    16: "BF16",
}
DATATYPES = frozenset(ONNX_DATATYPES.values()) - {"BF16"}  # numpy has no such type, so that the server takes none
DYNAMIC = -1


class TensorSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """One input or output. A dimension of -1 may have any size; no dimensions at all is a single value.

    `datatype` outside of `DATATYPES` (SEQUENCE, MAP, COMPLEX64, …) cannot travel over the protocol. An `optional`
    input has a default: requests may leave it out.
    """

    name: str
    datatype: str
    shape: list[int]
    optional: bool = False

    @property
    def travels(self) -> bool:
        """Can a request or an answer carry it?"""
        return self.datatype in DATATYPES


class Signature(msgspec.Struct, frozen=True):
    """What a model takes and gives.

    `columns`: names of a table's columns in the order in which the model was trained on them, where the files tell
    them (MLflow's MLmodel); for a lone matrix input they are the names of its last dimension.
    """

    inputs: list[TensorSpec] = []
    outputs: list[TensorSpec] = []
    columns: list[str] | msgspec.UnsetType = msgspec.UNSET


def read(stored: dict[str, Any]) -> Signature:
    """The signature from its stored form; raises `msgspec.ValidationError` for anything else."""
    return msgspec.convert(stored, Signature)


def stored(signature: Signature) -> dict[str, Any]:
    """The form that `ModelVersion.signature` keeps."""
    kept: dict[str, Any] = msgspec.to_builtins(signature)
    return kept


def example(signature: Signature | dict[str, Any]) -> dict[str, Any]:
    """A V2 inference request that the model accepts: plausible values, one item where any number is allowed."""
    spec = read(signature) if isinstance(signature, dict) else signature
    return {"inputs": [_example_tensor(tensor) for tensor in spec.inputs if not tensor.optional]}


def _example_tensor(tensor: TensorSpec) -> dict[str, Any]:
    shape = [1 if size == DYNAMIC else size for size in tensor.shape]
    return {
        "name": tensor.name,
        "shape": shape,
        "datatype": tensor.datatype,
        "data": [_example_value(tensor.datatype)] * prod(shape),
    }


def _example_value(datatype: str) -> Any:
    if datatype == "BYTES":
        return "text"
    if datatype == "BOOL":
        return False
    return 0.0 if datatype.startswith(("FP", "BF")) else 0


def describe(signature: Signature | dict[str, Any] | None) -> dict[str, list[dict[str, str]]]:
    """Rows for people: name, type and shape ('any × 4') of every input and output."""
    if not signature:
        return {"inputs": [], "outputs": []}
    spec = read(signature) if isinstance(signature, dict) else signature
    return {
        "inputs": [_describe_tensor(tensor) for tensor in spec.inputs],
        "outputs": [_describe_tensor(tensor) for tensor in spec.outputs],
    }


def _describe_tensor(tensor: TensorSpec) -> dict[str, str]:
    sizes = ["any" if size == DYNAMIC else str(size) for size in tensor.shape]
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": " × ".join(sizes) or "single value"}
