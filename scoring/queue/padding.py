"""Inputs of several calls in one run: joined along their rows, padded where their lengths may differ, and split."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scoring.core.errors import StartFailure
from scoring.core.model import Model
from scoring.core.tensors import Array
from scoring.forms import Inputs


class Padding:
    """`fill` names the inputs whose lengths may differ, and the value that pads shorter ones at their end.

    An output keeps the length of its own request wherever its dimension has the name of one of theirs.
    """

    def __init__(self, model: Model, fill: Mapping[str, float]) -> None:
        unknown = sorted(set(fill) - set(model.required_inputs))
        if unknown:
            inputs = ", ".join(model.required_inputs)
            message = f"batching.pad names {unknown[0]!r}, which is no input of {model.name}; it takes {inputs}"
            raise StartFailure("model_invalid", message)
        self._fill = fill
        tensors = model.required_inputs | model.outputs
        self._dimensions = {name: tensor.dimension_names for name, tensor in tensors.items()}
        self._needed = len(model.required_inputs)

    def batch_key(self, inputs: Inputs) -> Any:
        """Calls with equal keys may share a run: the same outputs, types, and shapes but for rows and padding.

        For example, two of [2, 4] and [3, 4] in FP32 share one; [2, 5] does not, unless its input is padded.
        """
        feed = inputs.feed
        if len(feed) != self._needed:
            return object()  # equal to no other: a default that it replaces would hold for all rows of the run
        if len(feed) > 1 and len({len(array) for array in feed.values()}) > 1:
            return object()  # equal to no other: its rows would meet those of its neighbours
        if not self._fill:
            return (*inputs.output_names, *[(name, array.dtype.num, array.shape[1:]) for name, array in feed.items()])
        return tuple(inputs.output_names), tuple(
            (name, array.dtype.str, array.ndim if name in self._fill else array.shape[1:])
            for name, array in feed.items()
        )

    def join(self, requests: list[Inputs]) -> dict[str, Array]:
        """One feed for requests of the same kind."""
        return {name: self._joined(name, [one.feed[name] for one in requests]) for name in requests[0].feed}

    def cut(self, inputs: Inputs, results: list[Any], first: int, last: int) -> list[Array]:
        """The part of a shared run's results that belongs to a request: rows `first` to `last`."""
        parts = [result[first:last] for result in results]
        if not self._fill:
            return parts
        lengths = self._own_lengths(inputs)
        return [self._shortened(name, part, lengths) for name, part in zip(inputs.output_names, parts, strict=True)]

    def _joined(self, name: str, arrays: list[Array]) -> Array:
        if name not in self._fill or len({array.shape[1:] for array in arrays}) == 1:
            return np.concatenate(arrays)
        longest = np.max([array.shape[1:] for array in arrays], axis=0)
        shape = (sum(len(array) for array in arrays), *longest)
        joined = np.full(shape, self._fill[name], arrays[0].dtype)
        row = 0
        for array in arrays:
            joined[(slice(row, row + len(array)), *map(slice, array.shape[1:]))] = array
            row += len(array)
        return joined

    def _own_lengths(self, inputs: Inputs) -> dict[str, int]:
        """The lengths of a request's free dimensions, by their names."""
        return {
            dimension: length
            for name in self._fill
            for dimension, length in zip(self._dimensions[name], inputs.feed[name].shape, strict=False)
            if dimension is not None
        }

    def _shortened(self, name: str, part: Array, lengths: dict[str, int]) -> Array:
        kept = [slice(lengths.get(dimension or "")) for dimension in self._dimensions[name][1 : part.ndim]]
        return part[(slice(None), *kept)]
