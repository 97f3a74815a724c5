"""Devices and roll-outs as REST and pages show them: desired against running, plain values."""

from collections.abc import Iterable
from typing import Any

from deployments.edge.device_rollouts import facts_of, rules_of, standing_of
from deployments.edge.rollout_steps import in_waves, release_for
from deployments.models import Device, DeviceRollout, DeviceRolloutState, Target

TONES = {"running": "ok", "failed": "bad", "unknown": "idle"}  # of services on a device; others move


def describe_devices(target: Target, devices: Iterable[Device]) -> list[dict[str, Any]]:
    """Each with what it is to run and what it told last."""
    all_devices, rules, rows = list(target.devices.all()), rules_of(target), _rows(target)
    facts = {row.pk: facts_of(all_devices, row.service_id) for row in rows}
    standings = {row.pk: standing_of(row) for row in rows}
    described = []
    for device in devices:
        services = []
        for row in rows:
            release = release_for(standings[row.pk], rules, facts[row.pk], device.pk)
            services.append(_service(row, release.revision if release else None, device))
        names = ("name", "labels", "key_hint", "last_seen_at", "problem")
        shown = {name: getattr(device, name) for name in names}
        described.append(shown | {"online": device.is_online, "services": services})
    return described


def describe_rollouts(target: Target) -> list[dict[str, Any]]:
    """Each service of the target, and how far it is on the devices."""
    devices, rules = list(target.devices.all()), rules_of(target)
    described = []
    for row in _rows(target):
        standing = standing_of(row)
        release = standing.next or standing.stable
        facts = facts_of(devices, row.service_id)
        members = in_waves(standing, rules, facts) if standing.next else facts
        described.append(
            {
                "service": row.service.name,
                "state": row.state,
                "tone": DeviceRolloutState(row.state).tone,
                "stable": row.stable_revision,
                "next": row.next_revision,
                "wave": str(rules.waves[min(row.wave, len(rules.waves) - 1)]) if standing.next else None,
                "waves": [str(wave) for wave in rules.waves],
                "reached": len(members),
                "healthy": sum(release is not None and one.runs(release) for one in members),
                "failed": sum(release is not None and one.failed(release) for one in members),
                "reason": row.reason,
                "changed_at": row.changed_at,
            }
        )
    return described


def _rows(target: Target) -> list[DeviceRollout]:
    return list(target.device_rollouts.select_related("service", "target").order_by("service__name"))


def _service(row: DeviceRollout, desired: int | None, device: Device) -> dict[str, Any]:
    told = device.service_report(row.service_id)
    state = told.get("state", "unknown")
    return {
        "service": row.service.name,
        "desired": desired,
        "running": told.get("running"),
        "state": state,
        "tone": TONES.get(state, "busy"),
        "problem": told.get("problem"),
    }
