"""ONNX models through ONNX Runtime: one session per model version, a second one for runs on all cores."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from scoring.contract import BundledModel, RunSettings
from scoring.core.bundle import onnx_file, size_of
from scoring.core.errors import ScoringError, bad_input
from scoring.core.model import zeros_for
from scoring.core.tensors import FREE, Feed, Tensor
from scoring.onnx.batch_dependence import batch_dependent_operator
from scoring.onnx.bound import Bound
from scoring.onnx.interface import columns_of, defaults_of, outputs_of, required_inputs_of
from scoring.onnx.providers import CPU, choose_providers, log_fallback
from scoring.onnx.runtime_internals import FAILED_RUN, LOAD_ERRORS, REFUSED_INPUTS, direct_run
from scoring.onnx.session import TRIAL, is_faster, open_session

MAX_WIDE_BYTES = 1 << 30  # larger models are not loaded a second time


class OnnxModel:
    """One loaded model version; safe to call from any thread."""

    platform = "onnxruntime_onnx"
    backend = "onnxruntime"

    def __init__(self, bundled: BundledModel, path: Path, threads: int, providers: Sequence[str] = (CPU,)) -> None:
        self.name = bundled.name
        self.version = bundled.version
        self._bundled, self._path, self._providers = bundled, path, list(providers)
        session = open_session(bundled, path, threads, self._providers)
        log_fallback(self._providers, session, f"{self.name}:{self.version}")
        self.required_inputs = required_inputs_of(session, bundled, path)
        self.inputs = self.required_inputs | defaults_of(session)
        self.outputs = outputs_of(session, bundled)
        self.output_names = tuple(self.outputs)
        self.columns = columns_of(bundled, self.required_inputs)
        # Asked here, since calibration corrects the declared shapes of outputs.
        self._outputs_follow = _follow(self.outputs.values(), self.required_inputs.values())
        self._session = session
        self._run = direct_run(session)
        self._wide_run = self._run  # of a run that has all cores to itself
        self._bound: Bound | None = None

    @property
    def runs_in_calling_thread(self) -> bool:
        """Whether a run that does not have all cores is the calling thread's own work."""
        return self._providers == [CPU]

    def widen(self, cores: int, memory: int | None, feed: Feed) -> None:
        """Open a second session for runs that may use all cores, and keep it where it is faster on `feed`.

        `feed` is a row of a likely length: in zeros free lengths are 1, which leaves little to split. Say a replica has
        4 cores and a limit of 2 GiB. A model of 500 MiB is loaded again with 4 threads, since a third of the limit
        (683 MiB) holds it; a request that finds the service idle then runs on 4 threads, and under load 4 requests run
        on a thread each. A model of 700 MiB stays with one.
        """
        limit = min(MAX_WIDE_BYTES, (memory or 3 * MAX_WIDE_BYTES) // 3)
        if self._providers[0] != CPU or size_of(self._path.parent) > limit:
            return
        wide = direct_run(open_session(self._bundled, self._path, cores, self._providers))
        for row in (feed, zeros_for(self)):  # zeros may be an input where synthetic values are none
            with suppress(*LOAD_ERRORS):
                if is_faster(wide, self._run, self.output_names, row):
                    self._wide_run = wide
                return

    def bind(self) -> None:
        """Keep memory for runs of one row, where its shape says those of all outputs."""
        one_row = all(one.shape is not None and -1 not in one.shape[1:] for one in self.required_inputs.values())
        tensors = [*self.required_inputs.values(), *self.outputs.values()]
        fixed_size = all(one.datatype != "BYTES" and not one.maps for one in tensors)
        if self.runs_in_calling_thread and self._outputs_follow and one_row and fixed_size:
            feed = zeros_for(self)
            with suppress(*LOAD_ERRORS):  # zeros are no input for it
                results = dict(zip(self.output_names, self._run(self.output_names, feed, TRIAL), strict=True))
                self._bound = Bound(self._session, feed, results)

    @property
    def is_bound(self) -> bool:
        """Whether single rows have fixed memory."""
        return self._bound is not None

    def compute(self, names: Sequence[str], feed: Feed, *, all_cores: bool = False, trial: bool = False) -> list[Any]:
        """Run the model, on all cores if asked to; ScoringError says whose fault a failure is.

        ONNX Runtime writes nothing into the log where a `trial` fails.
        """
        if self._bound is not None and names is self.output_names:
            results = self._bound.run(feed)
            if results is not None:
                return results
        try:
            results = (self._wide_run if all_cores else self._run)(names, feed, TRIAL if trial else None)
        except REFUSED_INPUTS as error:
            raise bad_input(f"the model refuses these inputs: {error}") from error
        except FAILED_RUN as error:
            if mismatch := self._mismatch(feed):
                raise bad_input(f"the model failed, and {mismatch}: {error}") from error
            raise ScoringError(500, "model_failed", f"the model failed: {error}", failed=True) from error
        return results

    def _mismatch(self, feed: Feed) -> str:
        """Where inputs differ in a dimension that the model gives one name.

        Looked for only after a failure, since some exporters give one name to dimensions that are independent.
        """
        seen: dict[str, tuple[str, int]] = {}
        for name, array in feed.items():
            for dimension, size in zip(self.inputs[name].dimension_names, array.shape, strict=False):
                if dimension is None:
                    continue
                other, expected = seen.setdefault(dimension, (name, size))
                if size != expected:
                    return f"dimension {dimension!r} is {expected} in {other} and {size} in {name}"
        return ""

    def batch_dependence(self) -> str:
        """The operator by which rows of one run may change each other's results; empty where there is none."""
        operator = batch_dependent_operator(self._path)
        return f"the graph has {operator}" if operator else ""


def _follow(outputs: Iterable[Tensor], inputs: Iterable[Tensor]) -> bool:
    """Whether every dimension of the outputs is declared: as a size, or by the name of an input's dimension."""
    known = {name for tensor in inputs for name in tensor.dimension_names if name}
    return all(
        size != FREE or name in known
        for tensor in outputs
        for size, name in zip(tensor.shape or (), tensor.dimension_names, strict=True)
    )


def load_model(bundled: BundledModel, folder: Path, run: RunSettings) -> OnnxModel:
    """Load a version from a bundle; StartFailure(model_invalid) when ONNX Runtime cannot."""
    return OnnxModel(bundled, onnx_file(folder, bundled), 1, choose_providers(tuple(run.providers)))
