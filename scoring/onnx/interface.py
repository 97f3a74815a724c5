"""The inputs and outputs of an ONNX session, as tensors of the protocol."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import onnxruntime

from scoring.contract import BundledModel
from scoring.core.errors import StartFailure
from scoring.core.tensors import FREE, Tensor
from scoring.onnx.graph import graphs_of

# ONNX Runtime's name of a type: the protocol's datatype
DATATYPES = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}
MAPS = re.compile(r"seq\(map\((\w+),tensor\((\w+)\)\)\)")


def required_inputs_of(session: onnxruntime.InferenceSession, bundled: BundledModel, path: Path) -> dict[str, Tensor]:
    """Inputs that a request must have; StartFailure(model_invalid) where one is of a type that it cannot carry."""
    inputs = {one.name: _tensor(one, f"input {one.name!r}", bundled) for one in session.get_inputs()}
    _accept_any_undeclared(inputs, path)
    return inputs


def defaults_of(session: onnxruntime.InferenceSession) -> dict[str, Tensor]:
    """Inputs that have a default, of types that requests can carry.

    A weight that is listed as an input is a default, but for old files: before IR version 4 every weight had to be.
    """
    listed = session.get_overridable_initializers()
    return {
        one.name: Tensor(one.name, DATATYPES[one.type], _shape(one), True, _names(one))
        for one in listed
        if one.type in DATATYPES
    }


def outputs_of(session: onnxruntime.InferenceSession, bundled: BundledModel) -> dict[str, Tensor]:
    """All outputs; StartFailure(model_invalid) where one is of a type that a response cannot carry."""
    return {one.name: _output(one, bundled) for one in session.get_outputs()}


def columns_of(bundled: BundledModel, inputs: dict[str, Tensor]) -> list[str]:
    """Names of the last dimension of the only input, a matrix, in its order, where they are known with the version."""
    known = (bundled.signature or {}).get("columns") or []
    shapes = [tensor.shape for tensor in inputs.values()]
    fits = len(shapes) == 1 and shapes[0] is not None and len(shapes[0]) == 2 and shapes[0][1] in (FREE, len(known))
    return list(known) if fits else []


def _output(argument: Any, bundled: BundledModel) -> Tensor:
    maps = MAPS.fullmatch(argument.type)
    if maps and f"tensor({maps[2]})" in DATATYPES:
        return Tensor(argument.name, DATATYPES[f"tensor({maps[2]})"], (FREE, FREE), maps=True)
    return _tensor(argument, f"output {argument.name!r}", bundled)


def _tensor(argument: Any, what: str, bundled: BundledModel) -> Tensor:
    if argument.type not in DATATYPES:
        raise _unsupported(what, argument.type, bundled)
    return Tensor(argument.name, DATATYPES[argument.type], _shape(argument), dimension_names=_names(argument))


def _shape(argument: Any) -> tuple[int, ...] | None:
    if argument.shape is None:
        return None
    return tuple(size if isinstance(size, int) and size >= 0 else FREE for size in argument.shape)


def _names(argument: Any) -> tuple[str | None, ...]:
    return tuple(size or None if isinstance(size, str) else None for size in argument.shape or ())


def _accept_any_undeclared(inputs: dict[str, Tensor], path: Path) -> None:
    """Let inputs without a declared shape have any: the runtime gives theirs as (), that of a single value."""
    if any(tensor.shape == () for tensor in inputs.values()):
        with suppress(ValueError):
            declared = graphs_of(path)[0].shaped
            for name, tensor in inputs.items():
                tensor.shape = tensor.shape if name in declared else None


def _unsupported(what: str, kind: str, bundled: BundledModel) -> StartFailure:
    tensor = kind.startswith("tensor(")
    why = "a type that requests and answers cannot carry" if tensor else "and only tensors can be sent"
    hint = (
        f"{'Cast it to float32 in the graph' if tensor else 'Convert the model so that it is a tensor'} and register "
        "that as a new version, or deploy this one with an entry script."
    )
    message = f"{bundled.name}:{bundled.version}: {what} is a {kind}, {why}"
    return StartFailure("model_invalid", message, hint=hint)
