"""Conversions to ONNX from Python: `client.conversions`."""

from collections.abc import Callable, Iterator
from typing import Any, cast

from slipway import waiting
from slipway.calls import Calls
from slipway.errors import Failed
from slipway.types import Conversion, Version

ENDED = frozenset({"succeeded", "failed", "cancelled"})


class Conversions:
    """Versions as ONNX, measured. Raises `SlipwayApiError` where the studio says no."""

    def __init__(self, calls: Calls) -> None:
        self._calls, self._call = calls, calls.call

    def all(self) -> Iterator[Conversion]:
        """All of them, newest first."""
        return self._calls.rows("conversions")

    def create(self, model: str, **asked: Any) -> Conversion:
        """Have `model` (name:version) converted or, as `goal`, optimised: with `variants`, an `environment`, `rows`
        (CSV as a text, or JSON) and their `label`, a `tolerance`; `register` makes the winner a version."""
        return cast(Conversion, self._call("POST", "conversions", {"model": model} | asked))

    def show(self, number: int) -> Conversion:
        return cast(Conversion, self._call("GET", f"conversions/{number}"))

    def cancel(self, number: int) -> Conversion:
        """Stop it; one that has ended stays as it is."""
        return cast(Conversion, self._call("POST", f"conversions/{number}/cancel"))

    def register(self, number: int, variant: str) -> Version:
        """Make a variant that passed its gates the next version of the model."""
        return cast(Version, self._call("POST", f"conversions/{number}/variants/{variant}/register"))

    def wait(
        self,
        conversion: Conversion,
        *,
        timeout: float = 1800,
        on_look: Callable[[Conversion], None] = lambda conversion: None,
    ) -> Conversion:
        """Wait for the end. Raises `Failed`, `TimedOut`."""

        def look() -> Conversion:
            found = self.show(conversion["id"])
            on_look(found)
            return found

        what = f"The conversion of {conversion['model']}"
        found = waiting.wait(look, lambda one: one["state"] in ENDED, what=what, timeout=timeout)
        if found["state"] != "succeeded":
            raise Failed.because(f"{what} {found['state']}", cast(dict[str, Any] | None, found["error"]))
        return found
