"""Pure: how a roll-out to devices goes on, from what is published and what devices have told."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import structs

from deployments.targets.edge.published import Published
from deployments.targets.edge.waves import Member, Wave, reached

State = Literal["rolling", "stopped", "done"]
NAMED = 3  # devices that a reason names


@dataclass(frozen=True)
class Rules:
    waves: list[Wave]
    bake: timedelta
    most_failures: int


@dataclass(frozen=True)
class DeviceFacts:
    """A device: whether it was seen lately, and what it told of the service."""

    member: Member
    name: str
    is_online: bool
    report: dict[str, Any] = field(default_factory=dict)

    def runs(self, release: Published) -> bool:
        return self.report.get("running") == release.revision and self.report.get("state") == "running"

    def failed(self, release: Published) -> bool:
        return self.report.get("wanted") == release.revision and self.report.get("state") == "failed"


@dataclass(frozen=True)
class Standing:
    """How far it is. Devices of the waves up to `wave` get `next`."""

    stable: Published | None = None
    next: Published | None = None
    wave: int = 0
    state: State = "done"
    reason: str = ""
    healthy_since: datetime | None = None


def is_same(one: Published | None, other: Published | None) -> bool:
    """The same release, whatever has changed of its keys."""
    return one is not None and other is not None and one.release == other.release


def published_now(standing: Standing, wanted: Published) -> Standing:
    """What the studio wants devices to run by now. A release that was stopped is tried again when people ask for it."""
    if standing.next is not None and is_same(standing.next, wanted):
        asked_again = standing.state == "stopped" and wanted.asked > standing.next.asked
        again: dict[str, Any] = {"state": "rolling", "reason": "", "healthy_since": None} if asked_again else {}
        return replace(standing, next=_asked_last(standing.next, wanted), **again)
    if standing.stable is not None and is_same(standing.stable, wanted):
        return Standing(stable=_asked_last(standing.stable, wanted))
    return Standing(stable=standing.stable, next=wanted, state="rolling")


def _asked_last(known: Published, wanted: Published) -> Published:
    """With the later of both times: people may have asked here."""
    return structs.replace(wanted, asked=max(known.asked, wanted.asked))


def go_on(standing: Standing, rules: Rules, devices: list[DeviceFacts], now: datetime) -> Standing:
    """The next state: the same, the next wave, stopped or done."""
    release = standing.next
    if standing.state != "rolling" or release is None:
        return standing
    members = in_waves(standing, rules, devices)
    failed = [device for device in members if device.failed(release)]
    if len(failed) > rules.most_failures:
        return replace(standing, state="stopped", reason=_why(failed), healthy_since=None)
    online = [device for device in members if device.is_online and not device.failed(release)]
    if members and not (online and all(device.runs(release) for device in online)):
        return replace(standing, healthy_since=None)
    since = standing.healthy_since or now
    if members and now - since < rules.bake:
        return replace(standing, healthy_since=since)
    if standing.wave + 1 < len(rules.waves):
        return replace(standing, wave=standing.wave + 1, healthy_since=None)
    return Standing(stable=release)


def in_waves(standing: Standing, rules: Rules, devices: list[DeviceFacts]) -> list[DeviceFacts]:
    """The devices that get the next release by now."""
    if standing.next is None:
        return []
    seed = str(standing.next.service)
    found = reached(rules.waves, standing.wave + 1, [device.member for device in devices], seed)
    return [device for device in devices if device.member.number in found]


def release_for(standing: Standing, rules: Rules, devices: list[DeviceFacts], number: int) -> Published | None:
    """What a device is to run; None for nothing."""
    gets_next = any(device.member.number == number for device in in_waves(standing, rules, devices))
    return standing.next if gets_next else standing.stable


def _why(failed: list[DeviceFacts]) -> str:
    names = ", ".join(device.name for device in failed[:NAMED])
    more = f" and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
    problem = failed[0].report.get("problem") or {}
    return f"It does not run on {names}{more}: {str(problem.get('message') or 'no reason was told')[:300]}"
