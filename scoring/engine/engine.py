"""What a process serves, loaded once: models without code, or the entry script. Knows no HTTP."""

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any, Optional

from scoring.contract import BundledModel
from scoring.core.answer import Result
from scoring.core.errors import ScoringError, StartFailure
from scoring.core.log import log
from scoring.core.request import Request
from scoring.core.settings import Replica
from scoring.core.timings import Timings
from scoring.counters.telemetry import CounterFile, Counters
from scoring.engine.loaders import find_loader
from scoring.queue.handler import Handler
from scoring.queue.pace import AlwaysThreaded, Pace

if TYPE_CHECKING:
    from scoring.script.entry_script import EntryScript


class Served:
    """A model or script, with its own pace and its handlers by name: "score", "infer", …"""

    def __init__(
        self,
        bundled: BundledModel,
        handlers: dict[str, Handler],
        signature: dict[str, Any],
        pace: Pace,
        platform: str = "python_entry_script",
        backend: str = "python",
    ) -> None:
        self.name = bundled.name
        self.version = bundled.version
        self.handlers = handlers
        self.signature = signature
        self.platform, self.backend = platform, backend  # as in Triton's metadata
        self.pace = pace
        self.counters: Counters | None = None  # its own, if there are other models
        self.counted: CounterFile | None = None  # its figures, of all processes

    @property
    def is_model(self) -> bool:
        """Whether it is a model without code, which takes tensors."""
        return "infer" in self.handlers


class Engine:
    """All that this process serves. `seconds` is the longest calibrated run, None when that is unknown."""

    def __init__(
        self,
        served: list[Served],
        default: Served,
        seconds: float | None,
        runners: int,
        prepare_thread: Callable[[], None] = lambda: None,
        script: Optional["EntryScript"] = None,
    ) -> None:
        self.served = served
        self.default = default
        self.seconds = seconds
        self.runners = runners
        self.script = script
        self.prepare_thread = prepare_thread  # called first in every thread that runs models

    def find(self, name: str, version: str | None = None) -> Served:
        """A model by name, the highest version where none is given; 404 when it is not served."""
        found = [one for one in self.served if one.name == name and version in (None, str(one.version))]
        if not found:
            wanted = name if version is None else f"{name}, version {version}"
            served = ", ".join(f"{one.name}:{one.version}" for one in self.served) or "none"
            raise ScoringError(404, "not_found", f"There is no model {wanted} here; served: {served}")
        return max(found, key=lambda one: one.version)


def load_engine(replica: Replica, threads: int) -> Engine:
    """Load the bundle and warm it up; StartFailure says why it cannot be."""
    started = perf_counter()
    try:
        engine = _no_code(replica, threads) if replica.bundle.kind == "no_code" else _entry_script(replica)
    except MemoryError as error:
        raise StartFailure("out_of_memory", "There is not enough memory to load the model.") from error
    log(f"loaded in {perf_counter() - started:.2f} s")
    return engine


def _no_code(replica: Replica, threads: int) -> Engine:
    try:
        from scoring.calibration.run_time import measure
        from scoring.core.model import HoldsInterpreter, signature_of
        from scoring.core.tensors import refuse_overflow
        from scoring.engine.model_handler import handlers_of
    except ImportError as error:  # numpy and others are not installed beside every entry script
        raise StartFailure("import_missing", f"The environment lacks what no-code services need: {error}") from error
    if not replica.bundle.models:
        raise StartFailure("model_invalid", "The bundle holds no model.")
    refuse_overflow()
    served, taken = [], []
    models = [find_loader(one)(one, replica.bundle_folder, replica.run) for one in replica.bundle.models]
    for bundled, model in zip(replica.bundle.models, models, strict=True):
        seconds = measure(model)
        taken.append(seconds)
        served.append(
            Served(
                bundled,
                handlers_of(model, seconds, threads, replica.run),
                signature_of(model),
                AlwaysThreaded() if replica.run.batching.delay_seconds else Pace(seconds),
                model.platform,
                model.backend,
            )
        )
    known = [seconds for seconds in taken if seconds is not None]
    slowest = max(known) if len(known) == len(taken) else None
    if any(isinstance(model, HoldsInterpreter) and model.holds_interpreter for model in models):
        slowest = None  # however slow, more processes serve more, and more threads do not
    several = Served(replica.bundle.models[0], {"score": _WhichModel(served)}, {}, Pace(slowest))
    return Engine(served, served[0] if len(served) == 1 else several, slowest, threads, refuse_overflow)


def _entry_script(replica: Replica) -> Engine:
    from scoring.script.captured_output import WithRequestId
    from scoring.script.entry_script import EntryScript  # only here: it prepares the process for the script

    script = EntryScript(replica)
    service = BundledModel(name=replica.run.service, version=replica.run.revision, path="")
    handlers: dict[str, Handler] = {"score": WithRequestId(script)}
    default = Served(service, handlers, {}, script.pace)
    models = [Served(model, handlers, model.signature or {}, default.pace) for model in replica.bundle.models]
    return Engine(models, default, None, script.runners, script=script)


class _WhichModel(Handler):
    """`/score` of a service with several models."""

    def __init__(self, served: list[Served]) -> None:
        self._names = ", ".join(one.name for one in served)

    def answer(self, request: Request, timings: Timings) -> Result:
        message = f"This service holds several models ({self._names}): call /v2/models/<name>/infer."
        raise ScoringError(400, "bad_input", message)
