"""PyTorch without code: exported programs (torch.export, .pt2) and TorchScript, which carry their graph along.

An exported program says what it takes; TorchScript says only how many tensors, so that they may have any shape.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import torch

from scoring.contract import BundledModel, RunSettings
from scoring.core.bundle import model_file
from scoring.core.errors import ScoringError, bad_input
from scoring.core.tensors import FREE, Feed, Tensor
from scoring.tabular.model import invalid
from scoring.tabular.unpickling import RefusedNameError, allowed_names_only

DATATYPES = {
    torch.bool: "BOOL",
    torch.uint8: "UINT8",
    torch.int8: "INT8",
    torch.int16: "INT16",
    torch.int32: "INT32",
    torch.int64: "INT64",
    torch.float16: "FP16",
    torch.float32: "FP32",
    torch.float64: "FP64",
}
FAILED = (RuntimeError, ValueError, TypeError, IndexError, AssertionError)  # what torch raises over inputs
TENSORS_HINT = "Export a module that takes and gives tensors, or deploy this one with an entry script."


class TorchModel:
    """One loaded program; safe to call from any thread, since running it changes nothing of it."""

    platform = backend = "pytorch"
    runs_in_calling_thread = True
    columns: list[str] = []

    def __init__(
        self, bundled: BundledModel, program: Any, inputs: dict[str, Tensor], outputs: dict[str, Tensor]
    ) -> None:
        self.name, self.version = bundled.name, bundled.version
        self.inputs = self.required_inputs = inputs
        self.outputs, self.output_names = outputs, tuple(outputs)
        self._program = program

    def compute(self, names: Sequence[str], feed: Feed, *, all_cores: bool = False, trial: bool = False) -> list[Any]:
        """The outputs `names`; ScoringError says whose fault a failure is."""
        tensors = [torch.from_numpy(feed[name].copy()) for name in self.inputs]  # arrays of a request are read-only
        try:
            with torch.inference_mode():
                found = _flat(self._program(*tensors))
        except FAILED as error:
            raise bad_input(f"the model refuses these inputs: {_last_line(error)}") from error
        if len(found) != len(self.outputs):
            message = f"the model gave {len(found)} tensors, and {len(self.outputs)} before"
            raise ScoringError(500, "model_failed", message, failed=True)
        arrays = dict(zip(self.outputs, found, strict=True))
        return [arrays[name].detach().cpu().numpy().astype(self.outputs[name].dtype, copy=False) for name in names]

    def batch_dependence(self) -> str:
        """Found out by runs: the graph is not read."""
        return ""


def load_model(bundled: BundledModel, folder: Path, run: RunSettings) -> TorchModel:
    """Load a program from a bundle; StartFailure(model_invalid) when it cannot be."""
    torch.set_num_threads(1)  # a process for each core serves already
    path = model_file(folder, bundled)
    try:
        with warnings.catch_warnings(), allowed_names_only():
            warnings.simplefilter("ignore", FutureWarning)  # torch.jit is to go one day; its files are there
            return (_exported if bundled.format == "pt2" else _scripted)(bundled, path)
    except RefusedNameError as error:
        raise invalid(bundled, f"is not loaded without code: {error}.") from error
    except (RuntimeError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise invalid(bundled, f"cannot be loaded by PyTorch {torch.__version__}: {_last_line(error)}") from error


def _exported(bundled: BundledModel, path: Path) -> TorchModel:
    with path.open("rb") as file:  # whatever it is called
        exported = torch.export.load(file)
    placeholders = {node.name: node for node in exported.graph.nodes if node.op == "placeholder"}
    inputs = {name: _tensor(bundled, str(name), placeholders[name]) for name in exported.graph_signature.user_inputs}
    (last,) = [node for node in exported.graph.nodes if node.op == "output"]
    given = {str(node.name): node for node in last.args[0] if hasattr(node, "name")}
    names = [str(name) for name in exported.graph_signature.user_outputs]
    outputs = {name: _tensor(bundled, name, given[name]) for name in names}
    return TorchModel(bundled, exported.module(), inputs, outputs)


def _tensor(bundled: BundledModel, name: str, node: Any) -> Tensor:
    value = node.meta.get("val")
    if not isinstance(value, torch.Tensor) or value.dtype not in DATATYPES:
        raise invalid(bundled, f"takes or gives {name!r}, which is no tensor of numbers.", hint=TENSORS_HINT)
    shape = tuple(size if isinstance(size, int) else FREE for size in value.shape)
    return Tensor(name, DATATYPES[value.dtype], shape)


def _scripted(bundled: BundledModel, path: Path) -> TorchModel:
    program = torch.jit.load(path, map_location="cpu").eval()
    arguments = program.forward.schema.arguments[1:]
    needed = [one for one in arguments if not one.has_default_value()]
    if wrong := [one.name for one in needed if str(one.type) != "Tensor"]:
        raise invalid(bundled, f"takes {wrong[0]!r}, which is no tensor.", hint=TENSORS_HINT)
    declared = _declared(bundled)
    inputs = {one.name: declared.get(one.name, Tensor(one.name, "FP32", None)) for one in needed}
    if len(needed) == len(declared) == 1:  # whatever the signature calls it
        (only,) = declared.values()
        inputs = {only.name: only}
    count = _count(program.forward.schema.returns)
    names = ["output"] if count == 1 else [f"output_{number}" for number in range(count)]
    return TorchModel(bundled, program, inputs, _seen(program, inputs, names))


def _seen(program: Any, inputs: dict[str, Tensor], names: list[str]) -> dict[str, Tensor]:
    """The outputs as a run on zeros shows them; numbers of 32 bits where nobody knows what the program takes."""
    unknown = {name: Tensor(name, "FP32", None) for name in names}
    if any(tensor.shape is None for tensor in inputs.values()):
        return unknown
    try:
        with torch.inference_mode():
            found = _flat(program(*(torch.from_numpy(tensor.zeros()) for tensor in inputs.values())))
    except FAILED:
        return unknown
    kinds = [DATATYPES.get(one.dtype, "FP32") for one in found]
    pairs = zip(names, kinds, found, strict=True)
    return {name: Tensor(name, kind, (FREE, *one.shape[1:]) if one.ndim else ()) for name, kind, one in pairs}


def _declared(bundled: BundledModel) -> dict[str, Tensor]:
    given = (bundled.signature or {}).get("inputs") or []
    return {
        one["name"]: Tensor(one["name"], one["datatype"], tuple(one["shape"]))
        for one in given
        if one["datatype"] in DATATYPES.values()
    }


def _count(returned: Any) -> int:
    kind = returned[0].type
    return len(kind.elements()) if kind.kind() == "TupleType" else 1


def _flat(found: Any) -> list[Any]:
    if isinstance(found, torch.Tensor):
        return [found]
    values = found.values() if isinstance(found, dict) else found
    return [one for value in values for one in _flat(value)]


def _last_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
