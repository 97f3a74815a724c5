"""The targets of a workspace from Python: `client.targets`."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast
from urllib.parse import quote

from slipway import waiting
from slipway.calls import Calls
from slipway.errors import Failed, Misuse
from slipway.types import Target, TargetCheck, TargetKind

ENDED = frozenset({"succeeded", "failed", "cancelled"})
BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


class Targets:
    """The places where services of a workspace can run. Raises `SlipwayApiError` where the studio says no."""

    def __init__(self, calls: Calls) -> None:
        self._calls, self._call = calls, calls.call

    def all(self) -> Iterator[Target]:
        return cast(Iterator[Target], self._calls.rows("targets"))

    def kinds(self) -> list[TargetKind]:
        """The kinds that can be added, each with its settings."""
        return cast(list[TargetKind], self._call("GET", "target-kinds"))

    def show(self, name: str) -> Target:
        return cast(Target, self._call("GET", f"targets/{quote(name)}"))

    def add(self, name: str, kind: str, settings: Mapping[str, Any] | None = None) -> Target:
        """Add a target; a check of it begins at once. Settings that are left out have their defaults."""
        body = {"name": name, "kind": kind, "settings": dict(settings or {})}
        return cast(Target, self._call("POST", "targets", body))

    def update(self, name: str, settings: Mapping[str, Any]) -> Target:
        """Change settings; those that are left out stay. A check of the target begins at once."""
        return cast(Target, self._call("PATCH", f"targets/{quote(name)}", {"settings": dict(settings)}))

    def check(self, name: str, timeout: float = 120) -> TargetCheck:
        """Test the connection and wait for the end. `problems` says what is wrong. Raises `Failed`, `TimedOut`."""
        begun = cast(TargetCheck, self._call("POST", f"targets/{quote(name)}/check"))
        found = waiting.wait(
            lambda: self.show(name)["last_check"],
            lambda check: check is not None and check["id"] >= begun["id"] and check["state"] in ENDED,
            what=f"The check of {name}",
            timeout=timeout,
        )
        if found is None or found["state"] != "succeeded":
            raise Failed.because(f"The check of {name} failed", cast(dict[str, Any] | None, found and found["error"]))
        return found

    def remove(self, name: str) -> None:
        self._call("DELETE", f"targets/{quote(name)}")

    def typed(self, kind: str, given: Mapping[str, str]) -> dict[str, Any]:
        """Settings as people type them, in the types that the kind declares.

        What the studio does not know is sent as it is: its refusal says what there is. Raises `Misuse`.
        """
        found = next((each for each in self.kinds() if each["kind"] == kind), None)
        types = {setting["name"]: setting["type"] for setting in found["settings"]} if found else {}
        return {name: _typed(name, types.get(name, "text"), text) for name, text in given.items()}


def _typed(name: str, kind: str, text: str) -> Any:
    readers: dict[str, Callable[[str], Any]] = {"integer": int, "number": float, "boolean": _boolean}
    try:
        return readers.get(kind, str)(text)
    except ValueError as error:
        raise Misuse(f"The setting '{name}' is of the type {kind}: '{text}' is none.") from error


def _boolean(text: str) -> bool:
    if text.lower() not in BOOLEANS:
        raise ValueError
    return BOOLEANS[text.lower()]
