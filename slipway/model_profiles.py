"""Profiles of versions and services from Python: `client.profiles`."""

from collections.abc import Callable, Iterator
from typing import Any, cast
from urllib.parse import quote

from slipway import waiting
from slipway.calls import Calls
from slipway.errors import Failed
from slipway.types import Profile

ENDED = frozenset({"succeeded", "failed", "cancelled"})


class ModelProfiles:
    """How much load they hold, and with which resources. A profile is named by its number or its name. Raises
    `SlipwayApiError` where the studio says no."""

    def __init__(self, calls: Calls) -> None:
        self._calls, self._call = calls, calls.call

    def all(self) -> Iterator[Profile]:
        """All of them, newest first."""
        return self._calls.rows("profiles")

    def create(self, **asked: Any) -> Profile:
        """Have a version measured (`model`, with `config`), or a revision (`service`, `revision`): the fewest cores
        with p99 under `latency_ms` at `rate` requests a second, found within `seconds`, `cpu`, `memory_gb` and
        `replicas`; `requests` are bodies to send."""
        return cast(Profile, self._call("POST", "profiles", asked))

    def show(self, profile: int | str) -> Profile:
        return cast(Profile, self._call("GET", _path(profile)))

    def azure(self, profile: int | str) -> dict[str, Any]:
        """The result with the names of Azure Machine Learning."""
        return cast(dict[str, Any], self._call("GET", f"{_path(profile)}/azure"))

    def cancel(self, profile: int | str) -> Profile:
        """Stop it; one that has ended stays as it is."""
        return cast(Profile, self._call("POST", f"{_path(profile)}/cancel"))

    def apply(self, profile: int | str, service: str = "", reason: str = "") -> dict[str, Any]:
        """Give a service the recommended resources; which one and its new revision."""
        asked = {"service": service, "reason": reason}
        return cast(dict[str, Any], self._call("POST", f"{_path(profile)}/apply", asked))

    def wait(
        self, profile: Profile, *, timeout: float = 3600, on_look: Callable[[Profile], None] = lambda profile: None
    ) -> Profile:
        """Wait for the end. Raises `Failed`, `TimedOut`."""

        def look() -> Profile:
            found = self.show(profile["id"])
            on_look(found)
            return found

        what = f"The profile of {profile['subject']}"
        found = waiting.wait(look, lambda one: one["state"] in ENDED, what=what, timeout=timeout)
        if found["state"] != "succeeded":
            raise Failed.because(f"{what} {found['state']}", cast(dict[str, Any] | None, found["error"]))
        return found


def _path(profile: int | str) -> str:
    return f"profiles/{quote(str(profile), safe='')}"
