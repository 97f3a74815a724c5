"""Exported programs and TorchScript of PyTorch. Loading either may run code of its maker: only ever in the sandbox."""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from registry.conversion.inside import rows as rows_of
from registry.conversion.inside.comparison import Answers
from registry.conversion.inside.original import Refused
from registry.conversion.inside.rows import BadRows, Feature, Rows, Schema
from registry.conversion.inside.tabular import Tabular

EXAMPLES = ("input_example.json", "sample.json", "example.json")  # files beside the model that tell a shape
NUMPY: dict[Any, Any] = {
    torch.float32: np.float32,
    torch.float64: np.float64,
    torch.int64: np.int64,
    torch.int32: np.int32,
}
OPSET = 18
FREE = 8


def open_torch(path: Path, folder: Path) -> "ExportedModel | ScriptModel":
    """Raises `Refused`."""
    torch.set_num_threads(1)
    try:
        if path.suffix == ".pt2":
            return ExportedModel(torch.export.load(path))
        return ScriptModel(torch.jit.load(str(path), map_location="cpu").eval(), _example(folder))
    except Refused:
        raise
    except Exception as reason:  # neither loader has errors of its own
        raise Refused(
            "cannot_load",
            f"{path.name} is neither an exported program (.pt2) nor TorchScript.",
            hint="Save it with torch.export.save(torch.export.export(model, example), 'model.pt2'): weights alone, and "
            "pickled modules, do not hold the program.",
            evidence=str(reason),
        ) from reason


class _TorchModel(Tabular):
    """`shapes` of the inputs without their rows, and types, by name."""

    module: Any

    def _begin(self, inputs: Mapping[str, tuple[tuple[int, ...], Any]], fixed_rows: int) -> None:
        self.inputs, self.fixed_rows = dict(inputs), fixed_rows
        first = next(iter(inputs))
        shape, dtype = inputs[first]
        is_matrix = len(inputs) == 1 and len(shape) == 1 and dtype in {torch.float32, torch.float64}
        self.schema = Schema(
            [Feature(f"f{at}") for at in range(shape[0])] if is_matrix else [], first if is_matrix else ""
        )

    def draw(self, count: int = rows_of.DRAWN) -> Rows:
        if self.schema.matrix:
            return rows_of.drawn(self.schema, self.fixed_rows or count)
        dice = np.random.default_rng(7)
        values = max(1, sum(int(np.prod(shape)) for shape, _ in self.inputs.values()))
        count = self.fixed_rows or max(4, min(count, 2_000_000 // values))
        return {name: _drawn(dice, (count, *shape), dtype) for name, (shape, dtype) in self.inputs.items()}

    def probes(self) -> Iterator[tuple[str, Rows]]:
        return iter(())

    def read(self, table: Mapping[str, Sequence[Any]]) -> Rows:
        if self.schema.matrix and set(table) != {self.schema.matrix}:
            return rows_of.read_table(table, self.schema)
        try:
            found = {name: np.asarray(table[name], NUMPY[dtype]) for name, (_, dtype) in self.inputs.items()}
        except (KeyError, ValueError, TypeError) as reason:
            raise BadRows(f"The rows do not fit the model's inputs {', '.join(self.inputs)}: {reason}") from reason
        return found

    def _tensors(self, rows: Rows) -> list[Any]:
        return [
            torch.from_numpy(np.ascontiguousarray(rows[name].astype(NUMPY[dtype])))
            for name, (_, dtype) in self.inputs.items()
        ]

    def ask(self, rows: Rows) -> Answers:
        found = self.call(rows)()
        outputs = (
            list(found.values()) if isinstance(found, dict) else found if isinstance(found, list | tuple) else [found]
        )
        return {f"output_{at}": one.detach().numpy() for at, one in enumerate(outputs)}

    def call(self, rows: Rows) -> Callable[[], Any]:
        tensors = self._tensors(rows)

        def run() -> Any:
            with torch.inference_mode():
                return self.module(*tensors)

        return run

    def names_of(self, outputs: list[str]) -> list[str]:
        return [f"output_{at}" for at in range(len(outputs))]


class ExportedModel(_TorchModel):
    def __init__(self, program: Any) -> None:
        self._program = program
        self.module = program.module()
        self.title = f"torch {torch.__version__} exported program"
        placeholders = {node.name: node.meta["val"] for node in program.graph.nodes if node.op == "placeholder"}
        wanted = {name: placeholders[name] for name in program.graph_signature.user_inputs}
        if not wanted or not all(
            isinstance(one, torch.Tensor) and one.dtype in NUMPY and one.ndim for one in wanted.values()
        ):
            raise Refused(
                "inputs_not_tensors",
                "The program takes something else than tensors of numbers.",
                hint="Export a wrapper.",
            )
        first = next(iter(wanted.values())).shape[0]
        shapes = {name: (tuple(_size(size) for size in one.shape[1:]), one.dtype) for name, one in wanted.items()}
        self._begin(shapes, int(first) if isinstance(first, int) else 0)

    def convert(self) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "model.onnx"
            program = torch.onnx.export(
                self._program, (), input_names=list(self.inputs), dynamo=True, opset_version=OPSET, verbose=False
            )
            program.save(str(place), external_data=False)
            return _loaded(place)


class ScriptModel(_TorchModel):
    """TorchScript does not tell the shape of its inputs: an example beside it does."""

    def __init__(self, module: Any, example: Any) -> None:
        if example is None:
            raise Refused(
                "example_needed",
                "TorchScript does not tell what shape its input has.",
                hint=f"Register it together with an example of one or more rows, {EXAMPLES[0]}; or save an exported "
                "program (.pt2), which tells.",
            )
        self.module = module
        self.title = f"torch {torch.__version__} TorchScript"
        names = [argument.name for argument in module.forward.schema.arguments[1:]][:1] or ["input"]
        self._begin({names[0]: (tuple(example.shape[1:]), torch.float32)}, 0)

    def convert(self) -> Any:
        name = next(iter(self.inputs))
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "model.onnx"
            torch.onnx.export(
                self.module,
                tuple(self._tensors(self.draw(3))),
                str(place),
                input_names=[name],
                output_names=None,
                dynamic_axes={name: {0: "batch"}},
                dynamo=False,
                opset_version=17,
            )
            return _loaded(place)


def _loaded(place: Path) -> Any:
    import onnx

    return onnx.load(place)


def _size(size: Any) -> int:
    return size if isinstance(size, int) else FREE


def _drawn(dice: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Any:
    if dtype in {torch.float32, torch.float64}:
        return dice.normal(size=shape).astype(NUMPY[dtype])
    return dice.integers(0, 2, shape).astype(NUMPY[dtype])


def _example(folder: Path) -> Any:
    for name in EXAMPLES:
        if (folder / name).is_file():
            found = json.loads((folder / name).read_text())
            found = found.get("data", found.get("inputs", found)) if isinstance(found, dict) else found
            return np.asarray(found, np.float32)
    return None
