"""Execution providers of ONNX Runtime: which are configured, which this environment has, and the fallback."""

from collections.abc import Sequence
from functools import lru_cache

import onnxruntime

from scoring.core.log import log

CPU = "CPUExecutionProvider"
# What a deployment may name: the provider, and the package that brings it.
KNOWN = {
    "cpu": (CPU, "onnxruntime"),
    "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu"),
    "tensorrt": ("TensorrtExecutionProvider", "onnxruntime-gpu"),
    "openvino": ("OpenVINOExecutionProvider", "onnxruntime-openvino"),
}


@lru_cache  # logs what is missing once, not for every model
def choose_providers(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The providers to use for those wanted, best first; the CPU is always the last resort."""
    available = onnxruntime.get_available_providers()
    found = []
    for name in wanted:
        provider, package = KNOWN[name]
        if provider in available:
            found.append(provider)
        else:
            log(f"{name} is asked for, but the environment lacks it: add {package} to it; the CPU is used instead", "W")
    return tuple(found if CPU in found else [*found, CPU])


def log_fallback(wanted: Sequence[str], session: onnxruntime.InferenceSession, model: str) -> None:
    """Warn when a session has not got its first choice, as when a driver or a device is missing."""
    used = session.get_providers()
    if wanted[0] not in used:
        log(f"{model}: {wanted[0]} could not be started here; {used[0]} is used instead", "W")
