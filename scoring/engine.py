"""What a process serves, loaded once: ONNX models, or the entry script. Knows no HTTP."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from scoring.admission import Pace
from scoring.contract import BundledModel
from scoring.errors import ScoringError, StartFailure
from scoring.log import log
from scoring.settings import Replica

Score = Callable[[bytes, dict[bytes, bytes]], bytes]


class Served:
    """One thing to call, with its own pace. `infer` is None where there is only `score`."""

    def __init__(
        self, bundled: BundledModel, score: Score, infer: Score | None, signature: dict[str, Any], pace: Pace
    ) -> None:
        self.name = bundled.name
        self.version = bundled.version
        self.score = score
        self.infer = infer
        self.signature = signature
        self.pace = pace


class Engine:
    """All that this process serves. `seconds` is the longest calibrated run, None when that is unknown."""

    def __init__(
        self,
        served: list[Served],
        default: Served,
        seconds: float | None,
        runners: int,
        prepare_thread: Callable[[], None] = lambda: None,
    ) -> None:
        self.served = served
        self.default = default
        self.seconds = seconds
        self.runners = runners
        self.prepare_thread = prepare_thread  # called first in every thread that runs models

    def find(self, name: str, version: str | None = None) -> Served:
        """A model by name, the highest version where none is given; 404 when it is not served."""
        found = [one for one in self.served if one.name == name and version in (None, str(one.version))]
        if not found:
            asked = name if version is None else f"{name}, version {version}"
            told = ", ".join(f"{one.name}:{one.version}" for one in self.served) or "none"
            raise ScoringError(404, "not_found", f"There is no model {asked} here; served: {told}")
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
        from scoring import session  # onnxruntime is not installed beside every entry script
    except ImportError as error:
        raise StartFailure("import_missing", f"No-code services need onnxruntime: {error}") from error
    if not replica.bundle.models:
        raise StartFailure("model_invalid", "The bundle holds no model.")
    served, slowest = [], 0.0
    known = True
    for bundled, model in zip(
        replica.bundle.models, session.load_models(replica.bundle_folder, replica.bundle.models, 1), strict=True
    ):
        seconds = model.measure()
        known = known and seconds is not None
        slowest = max(slowest, seconds or 0.0)
        infer, score = _ignoring_headers(model.infer), _ignoring_headers(model.score)
        served.append(Served(bundled, score, infer, session.signature_of(model), Pace(seconds)))
    default = (
        served[0]
        if len(served) == 1
        else Served(replica.bundle.models[0], _which_model(served), None, {}, Pace(slowest))
    )
    return Engine(served, default, slowest if known else None, threads, session.refuse_overflow)


def _entry_script(replica: Replica) -> Engine:
    from scoring.entry_script import EntryScript  # only here: it prepares the process for the script

    script = EntryScript(replica)
    service = BundledModel(name=replica.run.service, version=replica.run.revision, path="")
    default = Served(service, script.score, None, {}, Pace(None))
    models = [Served(model, script.score, None, model.signature or {}, default.pace) for model in replica.bundle.models]
    return Engine(models, default, None, runners=1)  # run() need not be safe to call from two threads at once


def _ignoring_headers(answer: Callable[[bytes], bytes]) -> Score:
    return lambda body, _: answer(body)


def _which_model(served: list[Served]) -> Score:
    names = ", ".join(one.name for one in served)

    def refuse(_: bytes, __: dict[bytes, bytes]) -> bytes:
        message = f"This service holds several models ({names}): call /v2/models/<name>/infer."
        raise ScoringError(400, "bad_input", message)

    return refuse
