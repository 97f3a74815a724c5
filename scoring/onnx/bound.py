"""Runs of one row for quick models: inputs and outputs have fixed memory, so that a run allocates nothing."""

import threading
from typing import Any

import numpy as np
import onnxruntime

from scoring.core.tensors import Array, Feed
from scoring.onnx.runtime_internals import direct_bound_run


class Bound:
    """A session whose inputs and outputs have the shapes of these examples.

    The next run overwrites the results: encode them first. Only the thread that made it may run it.
    """

    def __init__(self, session: onnxruntime.InferenceSession, feed: Feed, results: dict[str, Array]) -> None:
        self._thread = threading.get_ident()
        self._inputs = {name: np.array(array) for name, array in feed.items()}
        self._results = [np.empty_like(array) for array in results.values()]
        binding = session.io_binding()
        for name, array in self._inputs.items():
            binding.bind_cpu_input(name, array)
        for name, array in zip(results, self._results, strict=True):
            binding.bind_output(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        self._binding = binding  # keeps what `_bound` refers to
        self._run, self._bound = direct_bound_run(session, binding)

    def run(self, feed: Feed) -> list[Any] | None:
        """All outputs; None for other shapes or inputs, in other threads, or if it fails: an unbound run says why."""
        if threading.get_ident() != self._thread or len(feed) != len(self._inputs):
            return None
        for name, memory in self._inputs.items():
            array = feed[name]
            if array.shape != memory.shape:
                return None
            memory[...] = array
        try:
            self._run(self._bound, None)
        except Exception:  # of whatever kind ONNX Runtime raises
            return None
        return self._results
