"""TensorFlow's SavedModel: the function `serving_default`, as TensorFlow Serving asks it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from scoring.contract import BundledModel, RunSettings
from scoring.core.bundle import model_file
from scoring.core.errors import ScoringError, bad_input
from scoring.core.tensors import FREE, Feed, Tensor
from scoring.tabular.model import invalid

SIGNATURE = "serving_default"
DATATYPES = {
    "bool": "BOOL",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
    "string": "BYTES",
} | {f"{sign}int{bits}": f"{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
REFUSED = (tf.errors.InvalidArgumentError, ValueError, TypeError)


class SavedModel:
    """One loaded model; its functions are graphs, which any thread may call."""

    platform, backend = "tensorflow_savedmodel", "tensorflow"
    runs_in_calling_thread = False  # TensorFlow has threads of its own
    columns: list[str] = []

    def __init__(self, bundled: BundledModel, loaded: Any) -> None:
        self.name, self.version = bundled.name, bundled.version
        self._loaded = loaded  # a signature does not keep its model alive
        self._call = loaded.signatures[SIGNATURE]
        taken, given = self._call.structured_input_signature[1], self._call.structured_outputs
        self.inputs = self.required_inputs = {name: _tensor(bundled, name, one) for name, one in taken.items()}
        self.outputs = {name: _tensor(bundled, name, one) for name, one in given.items()}
        self.output_names = tuple(self.outputs)

    def compute(self, names: Sequence[str], feed: Feed, *, all_cores: bool = False, trial: bool = False) -> list[Any]:
        """The outputs `names`; ScoringError says whose fault a failure is."""
        try:
            found = self._call(**{name: tf.constant(feed[name]) for name in self.inputs})
        except REFUSED as error:
            raise bad_input(f"the model refuses these inputs: {_reason(error)}") from error
        except tf.errors.OpError as error:
            raise ScoringError(500, "model_failed", f"the model failed: {error.message}", failed=True) from error
        return [found[name].numpy() for name in names]

    def batch_dependence(self) -> str:
        """Found out by runs: the graph is not read."""
        return ""


def _reason(error: Exception) -> str:
    """The line that says what is wrong, among those that say where in the graph."""
    lines = [line.strip() for line in str(error).splitlines()]
    told = [
        line for line in lines if line and not line.startswith(("[[", "Graph execution", "Detected at", "<", "File"))
    ]
    return told[-1].partition(" [Op:")[0] if told else type(error).__name__


def load_model(bundled: BundledModel, folder: Path, run: RunSettings) -> SavedModel:
    """Load a model from a bundle; StartFailure(model_invalid) when it cannot be."""
    use_one_core()
    try:
        loaded = tf.saved_model.load(str(model_file(folder, bundled).parent))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise invalid(bundled, f"cannot be loaded by TensorFlow {tf.__version__}: {error}") from error
    if SIGNATURE not in loaded.signatures:
        known = ", ".join(loaded.signatures) or "none"
        raise invalid(bundled, f"has no signature {SIGNATURE!r}; it has {known}.", hint="Export it with one.")
    return SavedModel(bundled, loaded)


def use_one_core() -> None:
    """A process for each core serves already; it must be said before TensorFlow has run anything."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        return  # another model has been loaded before


def _tensor(bundled: BundledModel, name: str, spec: Any) -> Tensor:
    if spec.dtype.name not in DATATYPES:
        raise invalid(bundled, f"has {name!r} of {spec.dtype.name}, which requests cannot carry.")
    shape = None if spec.shape.rank is None else tuple(FREE if size is None else size for size in spec.shape)
    return Tensor(name, DATATYPES[spec.dtype.name], shape)
