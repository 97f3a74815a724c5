"""Rollouts of services: a revision gets its share step by step while guards watch it."""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote

from slipway import waiting
from slipway.calls import Calls
from slipway.types import Rollout

ENDS = frozenset({"done", "rolled_back", "aborted"})


class RolloutsOfServices:
    """`client.rollouts`."""

    def __init__(self, calls: Calls) -> None:
        self._call = calls.call

    def show(self, service: str) -> Rollout:
        """The rollout under way, or the last one."""
        return cast(Rollout, self._call("GET", _place(service)))

    def start(
        self,
        service: str,
        revision: int,
        *,
        steps: Sequence[Mapping[str, float]] | None = None,
        guards: Sequence[Mapping[str, Any]] | None = None,
        **facts: Any,
    ) -> Rollout:
        """Start one. `steps`: {"percent", "bake_seconds"} each, and "mirror_percent" for copies; `guards`: {"kind":
        "errors"}, {"kind": "time"}.

        `facts`: warm_requests, the first ones of the new revision whose times do not count; reason.
        """
        body = {"revision": revision, "steps": steps, "guards": guards} | facts
        given = {key: value for key, value in body.items() if value is not None}
        return cast(Rollout, self._call("POST", _place(service), given))

    def pause(self, service: str) -> Rollout:
        """Have the clock stand; guards watch on, and may roll back."""
        return self._do(service, "pause")

    def resume(self, service: str) -> Rollout:
        """Go on after a pause; a step that is held gets its time once more."""
        return self._do(service, "resume")

    def advance(self, service: str) -> Rollout:
        """Go to the next step now, whatever the present one has shown."""
        return self._do(service, "advance")

    def abort(self, service: str) -> Rollout:
        """Give all requests back to the revision before, at once."""
        return self._do(service, "abort")

    def wait(self, service: str, timeout: float = 86_400) -> Rollout:
        """Wait until it has ended or is held. Raises `TimedOut`."""
        return waiting.wait(
            lambda: self.show(service),
            lambda seen: seen["phase"] in ENDS or seen["phase"] == "held",
            what=f"The rollout of {service} ending",
            timeout=timeout,
        )

    def _do(self, service: str, verb: str) -> Rollout:
        return cast(Rollout, self._call("POST", f"{_place(service)}/{verb}"))


def _place(service: str) -> str:
    return f"services/{quote(service)}/rollout"
