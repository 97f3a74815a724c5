"""The parts of onnxruntime that are not its public API; nothing else here touches them.

The public `InferenceSession.run` checks names and types that were checked here already, and `run_with_iobinding`
unpacks its arguments: on a small model that is a fifth of a run. Where a version of onnxruntime lacks a private
attribute, the public call takes its place. `tests/scoring/onnx/test_runtime_internals.py` checks each of them.
"""

from collections.abc import Callable, Sequence
from typing import Any

import onnxruntime

try:
    from onnxruntime.capi import onnxruntime_pybind11_state as _native
except ImportError:
    _native = None

CHECKED_VERSION = "1.31.1"  # whose source was read for this; a test compares it with requirements.txt
Run = Callable[[Sequence[str], dict[str, Any], Any], list[Any]]  # output names, inputs by name, run options


def _errors(*names: str) -> tuple[type[Exception], ...]:
    return tuple(error for name in names if (error := getattr(_native, name, None)) is not None)


# What loading and running raise has no public names. Where it has none at all, every failure is the model's.
REFUSED_INPUTS = _errors("InvalidArgument")
FAILED_RUN = _errors("Fail", "RuntimeException", "NotImplemented") or (Exception,)
LOAD_ERRORS = (*REFUSED_INPUTS, *FAILED_RUN, *_errors("InvalidProtobuf", "InvalidGraph", "NoSuchFile", "NoModel"))


def direct_run(session: onnxruntime.InferenceSession) -> Run:
    """`session.run` without the checks of its Python wrapper."""
    run: Run = getattr(getattr(session, "_sess", None), "run", session.run)
    return run


def direct_bound_run(
    session: onnxruntime.InferenceSession, binding: onnxruntime.IOBinding
) -> tuple[Callable[[Any, Any], None], Any]:
    """What runs a session with a binding, and the binding as it takes it; None stands for its run options."""
    run = getattr(getattr(session, "_sess", None), "run_with_iobinding", None)
    inner = getattr(binding, "_iobinding", None)
    if run is None or inner is None:
        return session.run_with_iobinding, binding
    return run, inner
