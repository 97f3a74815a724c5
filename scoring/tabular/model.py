"""Models on rows: what a library makes of a matrix or of columns, behind the Model protocol."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scoring.contract import BundledModel
from scoring.core.errors import ScoringError, StartFailure, bad_input
from scoring.core.tensors import Feed, Tensor

REFUSED = (ValueError, TypeError)  # what libraries raise over values and shapes that they do not take
Rows = Any  # what a library takes: an array, a data frame, a list of texts


@dataclass(frozen=True)
class Method:
    """What an estimator does with rows, under its own name. `output` is what comes out of it."""

    call: Callable[[Rows], Any]
    output: Tensor


@dataclass(frozen=True)
class Shape:
    """What a model takes: `inputs`, and how they become the library's rows. `columns` as the Model protocol has it."""

    inputs: dict[str, Tensor]
    rows_of: Callable[[Feed], Rows]
    columns: list[str] = field(default_factory=list)


class TabularModel:
    """One loaded model version; safe to call from any thread.

    Outputs are named like the methods that give them (`predict`, `predict_proba`), each computed only where it is asked
    for; `shortcut` computes several at once where that is cheaper, and gives None where it cannot.
    """

    def __init__(
        self,
        bundled: BundledModel,
        shape: Shape,
        methods: Mapping[str, Method],
        *,
        platform: str,
        refused: tuple[type[Exception], ...] = REFUSED,
        runs_in_calling_thread: bool = True,
        shortcut: Callable[[Sequence[str], Rows], list[Any] | None] | None = None,
    ) -> None:
        self.name, self.version = bundled.name, bundled.version
        self.platform = self.backend = platform
        self.runs_in_calling_thread = self.holds_interpreter = runs_in_calling_thread
        self.inputs = self.required_inputs = shape.inputs
        self.columns = shape.columns
        self.outputs = {name: method.output for name, method in methods.items()}
        self.output_names = tuple(methods)
        self.default_method = "predict_proba" if "predict_proba" in methods else self.output_names[0]
        self._methods, self._rows_of, self._refused, self._shortcut = methods, shape.rows_of, refused, shortcut

    def compute(self, names: Sequence[str], feed: Feed, *, all_cores: bool = False, trial: bool = False) -> list[Any]:
        """What the methods `names` give; ScoringError says whose fault a failure is."""
        try:
            with np.errstate(all="ignore"):  # overflow within a model is its own affair, unlike that of inputs
                rows = self._rows_of(feed)
                results = self._shortcut(names, rows) if self._shortcut else None
                if results is None:
                    results = [self._methods[name].call(rows) for name in names]
                return [as_output(self.outputs[name], one) for name, one in zip(names, results, strict=True)]
        except (ScoringError, MemoryError):
            raise
        except self._refused as error:
            raise bad_input(f"the model refuses these inputs: {error}") from error
        except Exception as error:
            message = f"the model failed: {type(error).__name__}: {error}"
            raise ScoringError(500, "model_failed", message, failed=True) from error

    def batch_dependence(self) -> str:
        """Estimators treat rows one by one; the trial runs of the calibration find those that do not."""
        return ""


def as_output(output: Tensor, result: Any) -> Any:
    """A result as an array of its output's type; texts stay Python's."""
    if hasattr(result, "toarray"):
        result = result.toarray()  # sparse
    array = np.asarray(result)
    if array.dtype != output.dtype:
        array = array.astype(str).astype(object) if output.datatype == "BYTES" else array.astype(output.dtype)
    return array


DATATYPES = {"b": "BOOL", "i": "INT64", "u": "INT64", "U": "BYTES", "S": "BYTES", "O": "BYTES"}


def datatype_of(dtype: Any) -> str:
    """The protocol's datatype for what a library gives: 32-bit floats stay such."""
    kind = np.dtype(dtype)
    return DATATYPES.get(kind.kind, "FP32" if kind == np.float32 else "FP64")


def invalid(bundled: BundledModel, why: str, *, hint: str = "", evidence: str = "") -> StartFailure:
    """This version cannot be served as it is."""
    return StartFailure("model_invalid", f"{bundled.name}:{bundled.version} {why}", evidence, hint)
