"""What every kind of model can do for the rest of the server, whatever framework it is of."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from scoring.contract import BundledModel, RunSettings
from scoring.core.tensors import Feed, Tensor


class Model(Protocol):
    """One loaded model version; safe to call from any thread.

    `inputs` are all that a request may send, `required_inputs` those among them that have no default. `columns` names
    the columns of a single matrix input, in its order, where they are known; else it is empty. `platform` and `backend`
    are what the Open Inference Protocol and Triton's clients are told of its kind.

    The declared shapes of `outputs` may be wrong: calibration corrects them.
    """

    name: str
    version: int
    inputs: dict[str, Tensor]
    required_inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    output_names: tuple[str, ...]
    columns: list[str]
    platform: str
    backend: str

    @property
    def runs_in_calling_thread(self) -> bool:
        """Whether `compute` is the calling thread's own work, so that its processor time tells what a run costs."""

    def compute(self, names: Sequence[str], feed: Feed, *, all_cores: bool = False, trial: bool = False) -> list[Any]:
        """The outputs `names`, in their order, for inputs by name; ScoringError says whose fault a failure is.

        Results may be overwritten by the next run of the same thread. With `all_cores` nothing else runs, and the run
        may be spread over all of them. A failing `trial`, a run on synthetic values, writes nothing into the log.
        """

    def batch_dependence(self) -> str:
        """Why the model's structure lets rows of one run change each other's results; empty where it does not."""


@runtime_checkable
class SupportsWiden(Protocol):
    """A model whose single runs can be spread over several cores."""

    def widen(self, cores: int, memory: int | None, feed: Feed) -> None:
        """Prepare runs on all `cores`, and use them for `all_cores` if that makes a run on `feed` (one row) faster.

        Not where it would take more than the replica's `memory` (a limit in bytes) allows.
        """


@runtime_checkable
class SupportsBind(Protocol):
    """A model that can keep fixed memory for runs of one row."""

    def bind(self) -> None:
        """Keep memory for the inputs and outputs of one row, for the calling thread, where all shapes are known."""


@runtime_checkable
class HoldsInterpreter(Protocol):
    """A model whose runs are in good part Python's own: threads of a process do not share the work, processes do."""

    holds_interpreter: bool


@runtime_checkable
class SupportsMethods(Protocol):
    """A model whose outputs are what the methods of an estimator give, under their names."""

    default_method: str  # the one that answers a request in the short form that names none


class Loader(Protocol):
    """Loads models of one framework."""

    def __call__(self, bundled: BundledModel, folder: Path, run: RunSettings) -> Model:
        """Load a version from a bundle's `folder`; StartFailure(model_invalid) when it cannot be."""


def zeros_for(model: Model) -> Feed:
    """One row of zeros for every required input."""
    return {name: tensor.zeros() for name, tensor in model.required_inputs.items()}


def signature_of(model: Model) -> dict[str, Any]:
    """Inputs and outputs as the Open Inference Protocol describes them."""
    return {
        "inputs": [_facts(one) | ({"optional": True} if one.optional else {}) for one in model.inputs.values()],
        "outputs": [_facts(one) for one in model.outputs.values()],
    }


def _facts(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape or ())}
