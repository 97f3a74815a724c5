"""Devices of edge targets from Python: `client.devices`."""

from collections.abc import Iterator, Sequence
from typing import Any, cast
from urllib.parse import quote

from slipway.calls import Calls
from slipway.types import Device, DeviceRollout, NewDevice


class Devices:
    """The devices of a target, each with an agent and a key. Raises `SlipwayApiError` where the studio says no."""

    def __init__(self, calls: Calls) -> None:
        self._calls, self._call = calls, calls.call

    def all(self, target: str) -> Iterator[Device]:
        """By name: when they were seen, what they are to run and what they run."""
        return cast(Iterator[Device], self._calls.rows(f"targets/{quote(target)}/devices"))

    def add(self, target: str, name: str, labels: Sequence[str] = ()) -> NewDevice:
        """A new device; `agent` is its agent.json, whose key is shown this once."""
        body = {"name": name, "labels": list(labels)}
        return cast(NewDevice, self._call("POST", f"targets/{quote(target)}/devices", body))

    def label(self, target: str, name: str, labels: Sequence[str]) -> Device:
        """Other labels in place of those it has."""
        return cast(Device, self._call("PATCH", _place(target, name), {"labels": list(labels)}))

    def regenerate_key(self, target: str, name: str) -> NewDevice:
        """A new key; the old one stops working at once."""
        return cast(NewDevice, self._call("POST", f"{_place(target, name)}/regenerate-key"))

    def revoke_key(self, target: str, name: str) -> Device:
        """The studio answers the device no more."""
        return cast(Device, self._call("POST", f"{_place(target, name)}/revoke-key"))

    def remove(self, target: str, name: str) -> None:
        """Forget it; what runs there goes on."""
        self._call("DELETE", _place(target, name))

    def rollouts(self, target: str) -> list[DeviceRollout]:
        """How far each service of the target is on its devices."""
        return cast(list[DeviceRollout], self._call("GET", f"targets/{quote(target)}/device-rollouts"))

    def resume(self, target: str, service: str) -> list[DeviceRollout]:
        """Go on with a roll-out that was stopped."""
        place = f"targets/{quote(target)}/device-rollouts/{quote(service)}/resume"
        return cast(list[DeviceRollout], self._call("POST", place))


def _place(target: str, name: str) -> Any:
    return f"targets/{quote(target)}/devices/{quote(name)}"
