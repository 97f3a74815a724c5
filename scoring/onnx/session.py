"""ONNX models through ONNX Runtime: one session per model version, checked inputs, protocol answers."""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import repeat
from pathlib import Path
from time import perf_counter_ns, sleep
from typing import Any

import numpy as np
import onnxruntime
import orjson
from onnxruntime.capi import onnxruntime_pybind11_state as runtime

from scoring.contract import BundledModel
from scoring.core import codecs
from scoring.core.bundle import onnx_file, size_of, tree
from scoring.core.errors import ScoringError, StartFailure, bad_input
from scoring.core.tensors import BY_RUNTIME_NAME, Array, Tensor, writable
from scoring.onnx.bound import Bound
from scoring.onnx.graph import graphs_of
from scoring.onnx.providers import CPU, chosen, tell_fallback

LOAD_ERRORS = (
    runtime.InvalidProtobuf,
    runtime.InvalidGraph,
    runtime.InvalidArgument,
    runtime.NoSuchFile,
    runtime.NoModel,
    runtime.NotImplemented,
    runtime.RuntimeException,
    runtime.Fail,
)
MAP_OUTPUT = re.compile(r"seq\(map\((\w+),tensor\((\w+)\)\)\)")
WARM_UP_RUNS = 5
LONG_ENOUGH_NS = 100_000_000
TOO_LONG_NS = 1_000_000_000
WIDEST_BYTES = 1 << 30  # larger models are not loaded a second time
WIDE_GAIN = 1.05  # what all cores must at least be worth, where they may be two threads of one
WIDE_TRIES = (0, 0.5, 0.5)  # seconds before each comparison
OPENINGS_KEPT = 256
Run = Callable[[Sequence[str], codecs.Feed, onnxruntime.RunOptions | None], list[Any]]
TRIAL = onnxruntime.RunOptions()  # of a run with values that nobody asked
TRIAL.log_severity_level = 4


class OnnxModel:
    """One loaded model version; safe to call from any thread."""

    def __init__(self, bundled: BundledModel, path: Path, threads: int, providers: Sequence[str] = (CPU,)) -> None:
        self.name = bundled.name
        self.version = bundled.version
        self._bundled, self.path, self._providers = bundled, path, list(providers)
        session = _session(bundled, path, threads, self._providers)
        tell_fallback(self._providers, session, f"{self.name}:{self.version}")
        self.inputs = {one.name: _tensor(one, bundled) for one in session.get_inputs()}
        _free_undeclared(self.inputs, path)
        # All that a request may send. A weight that is listed as an input is a default; runtimes before IR version 4
        # wanted every weight listed, and those are not told here.
        self.takes = self.inputs | {one.name: one for one in _defaults(session)}
        self.outputs = {one.name: one for one in (Output(told, bundled) for told in session.get_outputs())}
        self.names = tuple(self.outputs)
        # As the model writes them: numbers, names of free dimensions, None.
        told = (*session.get_inputs(), *session.get_overridable_initializers(), *session.get_outputs())
        self.dimensions = {one.name: list(one.shape or ()) for one in told}
        self.columns = _columns(bundled, self.inputs)
        self._session = session
        self._run = _inner(session)
        self._wide = self._run  # what a run uses that has all cores to itself
        self._bound: Bound | None = None

    def widen(self, cores: int, memory: int | None, feed: codecs.Feed) -> None:
        """Load the model once more for runs that may use all cores, and keep that where it is worth it.

        `feed` is a row of a likely length: on zeros free lengths are 1, which leaves little to share. Not where a third
        of `memory` (the replica's limit in bytes) would not hold it.
        """
        if self._providers[0] != CPU or size_of(self.path.parent) > min(
            WIDEST_BYTES, (memory or 3 * WIDEST_BYTES) // 3
        ):
            return
        wide = _inner(_session(self._bundled, self.path, cores, self._providers))
        for row in (feed, self.zeros()):  # where made-up values are no input for it, zeros may be
            with suppress(*LOAD_ERRORS):
                if self._gains(wide, row):
                    self._wide = wide
                return

    @property
    def is_in_thread(self) -> bool:
        """Whether a run that does not have all cores is the calling thread's own work."""
        return self._providers == [CPU]

    def bind(self) -> None:
        """Keep places in memory for a lone row, where its shape tells those of all outputs."""
        named = {size for name in self.inputs for size in self.dimensions[name] if isinstance(size, str)}
        told = all(size in named or isinstance(size, int) for name in self.outputs for size in self.dimensions[name])
        one_row = all(one.shape is not None and -1 not in one.shape[1:] for one in self.inputs.values())
        types = {one.datatype for one in self.inputs.values()} | {one.datatype for one in self.outputs.values()}
        maps = any(one.is_maps for one in self.outputs.values())
        if self.is_in_thread and told and one_row and not maps and "BYTES" not in types:
            feed = self.zeros()
            with suppress(*LOAD_ERRORS):  # zeros are no input for it
                results = dict(zip(self.names, self._run(self.names, feed, TRIAL), strict=True))
                self._bound = Bound(self._session, feed, results)

    @property
    def is_bound(self) -> bool:
        """Whether lone rows have places in memory."""
        return self._bound is not None

    def compute(
        self, names: Sequence[str], feed: codecs.Feed, *, alone: bool = False, trial: bool = False
    ) -> list[Any]:
        """Run the model, on all cores when `alone`; ScoringError says whose fault it is when that fails.

        The runtime writes nothing into the log where a `trial` fails.
        """
        if self._bound is not None and names is self.names:
            results = self._bound.run(feed)
            if results is not None:
                return results
        try:
            results = (self._wide if alone else self._run)(names, feed, TRIAL if trial else None)
        except runtime.InvalidArgument as error:
            raise bad_input(f"the model refuses these inputs: {error}") from error
        except (runtime.Fail, runtime.RuntimeException, runtime.NotImplemented) as error:
            if unlike := self._unlike(feed):
                raise bad_input(f"the model failed, and {unlike}: {error}") from error
            raise ScoringError(500, "model_failed", f"the model failed: {error}", failed=True) from error
        return results

    def _unlike(self, feed: codecs.Feed) -> str:
        """Where inputs differ in a dimension that the model gives one name.

        Asked only after a failure, since some exporters give one name to dimensions that are free of each other.
        """
        seen: dict[str, tuple[str, int]] = {}
        for name, array in feed.items():
            for dimension, size in zip(self.dimensions[name], array.shape, strict=False):
                other, expected = seen.setdefault(str(dimension), (name, size))
                if isinstance(dimension, str) and size != expected:
                    return f"dimension {dimension!r} is {expected} in {other} and {size} in {name}"
        return ""

    def zeros(self) -> codecs.Feed:
        """One row of zeros, free dimensions as 1."""
        return {name: _zeros(tensor) for name, tensor in self.inputs.items()}

    def measure(self) -> float | None:
        """Seconds of one run on zeros, the median of a few; None where zeros are no input for the model."""
        try:
            taken = self._time(self._run, self.zeros())
        except LOAD_ERRORS:
            return None
        return sorted(taken)[len(taken) // 2] / 1e9

    def _gains(self, wide: Run, row: codecs.Feed) -> bool:
        """Whether all cores are worth it, asked again where they seem not to be.

        Others may have one of them for up to a second, and on a virtual machine nothing here tells so.
        """
        for wait in WIDE_TRIES:
            sleep(wait)
            if self._quickest(wide, row) * WIDE_GAIN <= self._quickest(self._run, row):
                return True
        return False

    def _quickest(self, run: Run, feed: codecs.Feed) -> int:
        """Nanoseconds at its best, which a core that has slept takes a while to reach."""
        quickest, spent = min(first := self._time(run, feed)), sum(first)
        while spent < LONG_ENOUGH_NS:
            again = self._time(run, feed)
            quickest, spent = min(quickest, *again), spent + sum(again)
        return quickest

    def _time(self, run: Run, feed: codecs.Feed) -> list[int]:
        """Nanoseconds of a few runs; of two where those take long."""
        taken: list[int] = []
        while len(taken) < 2 or (len(taken) < WARM_UP_RUNS and sum(taken) < TOO_LONG_NS):
            started = perf_counter_ns()
            run(self.names, feed, TRIAL)
            taken.append(perf_counter_ns() - started)
        return taken


class Output:
    """How one output of a model is written. Lists of maps (class to probability) become a matrix and its keys."""

    def __init__(self, told: Any, bundled: BundledModel) -> None:
        self.name: str = told.name
        maps = MAP_OUTPUT.fullmatch(told.type)
        self.is_maps = bool(maps)
        self.runtime_type = f"tensor({maps[2]})" if maps else told.type
        self.shape = [-1, -1] if maps else [_dimension(size) for size in told.shape or []]
        if self.runtime_type not in BY_RUNTIME_NAME:
            raise _cannot_travel(f"output {self.name!r}", told.type, bundled)
        self.datatype = BY_RUNTIME_NAME[self.runtime_type]
        self._openings: dict[tuple[int, ...], bytes] = {}

    def encoded(self, result: Any) -> dict[str, Any]:
        if not self.is_maps:
            return codecs.encode_tensor(self.name, self.datatype, result)
        keys, matrix = _matrix(result)
        return codecs.encode_tensor(self.name, self.datatype, matrix) | {"parameters": {"keys": keys}}

    def texts(self, result: Any, count: int, rows: int, before: bytes) -> tuple[Iterable[bytes], ...] | None:
        """The JSON of each of `count` parts of a result, `rows` rows each, as columns that follow one another.

        None where parts have to be written one by one.
        """
        if self.is_maps or self.datatype == "BYTES" or len(result) != count * rows or not result.size:
            return None
        shape = (rows, *result.shape[1:])
        opening = self._openings.get(shape)
        if opening is None:
            facts = {"name": self.name, "datatype": self.datatype, "shape": shape}
            opening = orjson.dumps(facts)[:-1] + b',"data":['
            if len(self._openings) < OPENINGS_KEPT:
                self._openings[shape] = opening
        # A row of numbers for each part, so that no brackets stand inside.
        parts = codecs.encode(result.reshape(count, -1))[2:-2].split(b"],[")
        return repeat(before + opening, count), parts, repeat(b"]}", count)

    def plain(self, result: Any) -> Any:
        return [{str(key): value for key, value in row.items()} for row in result] if self.is_maps else writable(result)


def load_models(folder: Path, bundled: list[BundledModel], threads: int, wanted: Sequence[str] = ()) -> list[OnnxModel]:
    """Load every model of a bundle; StartFailure(model_invalid) names the one that cannot be."""
    refuse_overflow()
    providers = chosen(wanted)
    return [OnnxModel(model, onnx_file(folder, model), threads, providers) for model in bundled]


def refuse_overflow() -> None:
    """In this thread a number too large for the model's type is an error of the request, not infinity."""
    np.seterr(over="raise")


def _inner(session: onnxruntime.InferenceSession) -> Run:
    """The public run() repeats checks that were made here already; the inner session skips them."""
    run: Run = getattr(session, "_sess", session).run
    return run


def _session(bundled: BundledModel, path: Path, threads: int, providers: list[str]) -> onnxruntime.InferenceSession:
    """Several threads spin while a run lasts, since its parts are short, and never between runs."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if threads > 1 else "0")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except LOAD_ERRORS as error:
        message = f"ONNX Runtime cannot load {bundled.name}:{bundled.version} ({path.name})"
        raise StartFailure("model_invalid", message, f"{error}\n\n{tree(path.parent)}") from error


def _tensor(told: Any, bundled: BundledModel) -> Tensor:
    if told.type not in BY_RUNTIME_NAME:
        raise _cannot_travel(f"input {told.name!r}", told.type, bundled)
    shape = None if told.shape is None else tuple(_dimension(size) for size in told.shape)
    return Tensor(told.name, BY_RUNTIME_NAME[told.type], shape)


def _free_undeclared(inputs: dict[str, Tensor], path: Path) -> None:
    """Let inputs whose shape is not declared have any. The runtime tells theirs as that of a single value."""
    if any(tensor.shape == () for tensor in inputs.values()):
        with suppress(ValueError):
            shaped = graphs_of(path)[0].shaped
            for name, tensor in inputs.items():
                tensor.shape = tensor.shape if name in shaped else None


def _columns(bundled: BundledModel, inputs: dict[str, Tensor]) -> list[str]:
    """Names of the last dimension of a lone matrix, in its order, where they are known with the version."""
    known = (bundled.signature or {}).get("columns") or []
    shapes = [tensor.shape for tensor in inputs.values()]
    fits = len(shapes) == 1 and shapes[0] is not None and len(shapes[0]) == 2 and shapes[0][1] in (-1, len(known))
    return list(known) if fits else []


def _defaults(session: onnxruntime.InferenceSession) -> list[Tensor]:
    """Inputs that may be left out, of types that can travel."""
    return [
        Tensor(
            told.name, BY_RUNTIME_NAME[told.type], tuple(_dimension(size) for size in told.shape or ()), optional=True
        )
        for told in session.get_overridable_initializers()
        if told.type in BY_RUNTIME_NAME
    ]


def _cannot_travel(what: str, kind: str, bundled: BundledModel) -> StartFailure:
    tensor = kind.startswith("tensor(")
    why = "a type that requests and answers cannot carry" if tensor else "and only tensors can be sent"
    hint = (
        f"{'Cast it to float32 in the graph' if tensor else 'Convert the model so that it is a tensor'} and register "
        "that as a new version, or deploy this one with an entry script."
    )
    message = f"{bundled.name}:{bundled.version}: {what} is a {kind}, {why}"
    return StartFailure("model_invalid", message, hint=hint)


def _dimension(size: Any) -> int:
    return size if isinstance(size, int) and size >= 0 else -1


def _zeros(tensor: Tensor) -> Array:
    shape = [1 if size == -1 else size for size in tensor.shape or ()]
    return np.full(shape, "", dtype=object) if tensor.datatype == "BYTES" else np.zeros(shape, tensor.dtype)


def _matrix(rows: list[dict[Any, Any]]) -> tuple[list[Any], Array]:
    keys = list(rows[0]) if rows else []
    return keys, np.array([[row[key] for key in keys] for row in rows], dtype=np.float32).reshape(len(rows), len(keys))


def signature_of(model: OnnxModel) -> dict[str, Any]:
    """Inputs and outputs as the protocol describes them."""
    return {
        "inputs": [
            {"name": one.name, "datatype": one.datatype, "shape": list(one.shape or [])}
            | ({"optional": True} if one.optional else {})
            for one in model.takes.values()
        ],
        "outputs": [{"name": one.name, "datatype": one.datatype, "shape": one.shape} for one in model.outputs.values()],
    }
