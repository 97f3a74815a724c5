"""Prove before a replica may serve that its models answer in time, with the outputs that their signatures promise."""

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from scoring.contract import Bundle
from scoring.core.errors import ScoringError, StartFailure
from scoring.core.log import log
from scoring.engine.engine import Engine, Served

if TYPE_CHECKING:  # numpy is not installed beside every entry script
    from scoring.core.model import Model
    from scoring.core.tensors import Feed
    from scoring.engine.model_handler import ModelHandler

SYNTHETIC_VALUES = 1 << 22  # larger rows would take long to make
NAMES_HINT = (
    "The files of the model are not those that it was registered with. Register the model again, and deploy the new "
    "version."
)
SHAPE_HINT = (
    "Check the sample request and the model. Where the size of the output depends on the values of the input, deploy "
    "without a sample request."
)
SLOW_HINT = "Give the service more cores, raise its scoring timeout, or deploy a smaller model."
Shape = Sequence[int]
Signature = Mapping[str, Any]


def prove_models(engine: Engine, bundle: Bundle, timeout: float) -> None:
    """Run every model once on a synthetic row; StartFailure(warm_up_failed) tells what is wrong.

    A model that refuses synthetic values may well accept real ones: that is only logged. Entry scripts say nothing of
    what they take, so there is nothing to try them with.
    """
    if bundle.kind != "no_code":
        return
    for served, bundled in zip(engine.served, bundle.models, strict=True):
        _prove(served, bundled.signature, timeout)


def check_outputs(served: Served, promised: Signature | None, names: Sequence[str], results: Sequence[Any]) -> None:
    """Outputs of a run must have the names of the signature that the registry has, where it is known, and shapes that
    agree with it or with what the model has shown when it was loaded; StartFailure(warm_up_failed) names those that do
    not."""
    from numpy import shape

    _check_names(served, promised, names)
    signatures = [_shapes(promised), _shapes(served.signature)]
    for name, result in zip(names, results, strict=True):
        if isinstance(result, list):
            continue  # of maps, which have no shape
        expected = [known[name] for known in signatures if name in known]
        if expected and not any(_agrees(shape(result), one) for one in expected):
            wanted = " or ".join(dict.fromkeys(_text(one) for one in expected))
            message = f"Output {name!r} of {served.name}:{served.version} has the shape {_text(shape(result))}"
            raise StartFailure("warm_up_failed", f"{message}; its signature says {wanted}.", hint=SHAPE_HINT)


def _prove(served: Served, promised: Signature | None, timeout: float) -> None:
    model = cast("ModelHandler", served.handlers["infer"]).model
    for feed in _synthetic_rows(model):
        began = perf_counter()
        try:
            results = model.compute(model.output_names, feed, trial=True)
        except ScoringError:
            continue
        except MemoryError as error:
            raise StartFailure("out_of_memory", "There was not enough memory for a run of one row.") from error
        seconds = perf_counter() - began
        check_outputs(served, promised, model.output_names, results)
        if seconds > timeout:
            message = f"{model.name}:{model.version} took {seconds:.1f} s for one row, longer than the scoring timeout"
            raise StartFailure("warm_up_failed", f"{message} of {timeout:g} s.", hint=SLOW_HINT)
        log(f"{model.name}:{model.version} answers a synthetic row as its signature says, in {seconds:.3f} s")
        return
    log(f"{model.name}:{model.version} takes no synthetic values, so that it has not been tried", "W")


def _synthetic_rows(model: "Model") -> "Iterator[Feed]":
    from scoring.calibration.synthetic_inputs import likely_shape, synthetic_rows
    from scoring.core.model import zeros_for

    tensors = model.required_inputs.values()
    # An integer that counts no rows may be a size or a step, and any but zero beyond all reason.
    safe = all(one.shape is not None and (one.kind not in "iu" or one.shape[:1] == (-1,)) for one in tensors)
    if safe and sum(prod(likely_shape(one, 1)) for one in tensors) <= SYNTHETIC_VALUES:
        yield synthetic_rows(model, 1)
    yield zeros_for(model)


def _check_names(served: Served, promised: Signature | None, names: Sequence[str]) -> None:
    known = _shapes(promised)
    unknown = [name for name in names if known and name not in known]
    if unknown:
        message = f"{served.name}:{served.version} gives the outputs {', '.join(names)}; its signature says "
        raise StartFailure("warm_up_failed", f"{message}{', '.join(known)}.", hint=NAMES_HINT)


def _shapes(signature: Signature | None) -> dict[str, Shape]:
    return {one["name"]: one["shape"] for one in (signature or {}).get("outputs") or []}


def _agrees(shape: Shape, expected: Shape) -> bool:
    return len(shape) == len(expected) and all(
        wanted in (-1, size) for size, wanted in zip(shape, expected, strict=True)
    )


def _text(shape: Shape) -> str:
    return str(list(shape)).replace("-1", "any")
