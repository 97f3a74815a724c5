"""Roll-outs to devices: the tick that takes them further, and what a device is to run by now."""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from deployments.edge.rollout_steps import DeviceFacts, Rules, Standing, go_on, published_now, release_for
from deployments.events import DEVICE_ROLLOUT_COMPLETED, DEVICE_ROLLOUT_STOPPED, DEVICE_WAVE_STARTED
from deployments.models import Device, DeviceRollout, Service, Target
from deployments.targets.edge import published
from deployments.targets.edge.published import Published
from deployments.targets.edge.waves import BadWaves, Member, read_waves
from deployments.targets.kinds import kind_of
from studio.accounts.models import User
from studio.activity.recording import record
from studio.core.atomic_files import write_atomically
from studio.core.errors import Conflict, NotFound

log = logging.getLogger(__name__)

KIND = "edge"


def advance_device_rollouts() -> None:
    """One step for every edge target. Called by the tick; twice at once is harmless."""
    for target in Target.objects.filter(kind=KIND).select_related("workspace"):
        try:
            advance_target(target)
        except Exception:
            log.exception("the roll-outs of %s cannot go on", target)


def advance_target(target: Target) -> None:
    """Take over what is published, judge what devices have told, go on. What is published no more ends on devices."""
    wanted = published.target_folder(target.pk).wanted()
    known = set(Service.objects.filter(pk__in=wanted).values_list("pk", flat=True))
    target.device_rollouts.exclude(service_id__in=known).delete()
    devices = list(target.devices.all())
    rows = {row.service_id: row for row in target.device_rollouts.select_related("service__workspace")}
    for service_id in sorted(known):
        row = rows.get(service_id) or _created(target, service_id)
        if row is not None:
            _advance(row, target, wanted[service_id], devices)
    _tell(target, devices)


def releases_for(device: Device) -> list[Published]:
    """What a device is to run, by service."""
    target = device.target
    devices, rules = list(target.devices.all()), rules_of(target)
    found = []
    for row in target.device_rollouts.order_by("service_id"):
        facts = facts_of(devices, row.service_id)
        release = release_for(standing_of(row), rules, facts, device.pk)
        if release is not None:
            found.append(release)
    return found


def resume(target: Target, service: Service, actor: User) -> DeviceRollout:
    """Go on with a roll-out that was stopped: devices where it failed try again. Raises `NotFound`, `Conflict`."""
    row = target.device_rollouts.filter(service=service).select_related("service__workspace").first()
    if row is None:
        raise NotFound(f"'{service.name}' runs on no device of {target}.")
    standing = standing_of(row)
    if standing.state != "stopped" or standing.next is None:
        raise Conflict(f"The roll-out of '{service.name}' to {target} is not stopped.")
    again = msgspec.structs.replace(standing.next, asked=timezone.now().timestamp())
    after = replace(standing, next=again, state="rolling", reason="", healthy_since=None)
    _write(row, standing, after, actor)
    return row


def rules_of(target: Target) -> Rules:
    """By the target's settings; waves that cannot be read count as none."""
    settings = kind_of(KIND).complete(target.settings)
    try:
        waves = read_waves(settings["waves"] or "")
    except BadWaves:
        waves = read_waves("")
    return Rules(waves, timedelta(seconds=max(settings["bake_seconds"], 0)), max(settings["most_failures"], 0))


def standing_of(row: DeviceRollout) -> Standing:
    """What a row says."""
    return Standing(
        stable=_read(row.stable),
        next=_read(row.next),
        wave=row.wave,
        state=row.state,  # type: ignore[arg-type]  # one of the choices
        reason=row.reason,
        healthy_since=row.healthy_since,
    )


def facts_of(devices: list[Device], service: int) -> list[DeviceFacts]:
    """Devices as a roll-out sees them."""
    return [
        DeviceFacts(Member(one.pk, tuple(one.labels)), one.name, one.is_online, one.service_report(service))
        for one in devices
    ]


def _advance(row: DeviceRollout, target: Target, wanted: Published, devices: list[Device]) -> None:
    before = standing_of(row)
    after = go_on(published_now(before, wanted), rules_of(target), facts_of(devices, row.service_id), timezone.now())
    if after != before:
        _write(row, before, after)


def _write(row: DeviceRollout, before: Standing, after: Standing, actor: User | None = None) -> None:
    """Unless somebody else has written meanwhile: the next tick looks again."""
    facts = {
        "stable": _text(after.stable),
        "next": _text(after.next),
        "stable_revision": after.stable.revision if after.stable else None,
        "next_revision": after.next.revision if after.next else None,
        "wave": after.wave,
        "state": after.state,
        "reason": after.reason,
        "healthy_since": after.healthy_since,
    }
    moved = (before.state, before.wave, row.next_revision) != (after.state, after.wave, facts["next_revision"])
    with transaction.atomic():
        rows = DeviceRollout.objects.filter(pk=row.pk, version=row.version)
        changed = {"changed_at": timezone.now()} if moved else {}
        if rows.update(version=F("version") + 1, **facts, **changed) and moved:
            _record(row, before, after, actor)


def _record(row: DeviceRollout, before: Standing, after: Standing, actor: User | None) -> None:
    """A line in the audit trail for what has moved."""
    release = after.next or after.stable
    if release is None:
        return
    told: dict[str, Any] = {"target": row.target.name, "revision": release.revision}
    workspace = row.service.workspace
    if after.state == "stopped":
        record(DEVICE_ROLLOUT_STOPPED, row.service, workspace=workspace, why=after.reason, **told)
    elif after.state == "rolling":
        wave = str(rules_of(row.target).waves[after.wave])
        record(DEVICE_WAVE_STARTED, row.service, workspace=workspace, actor=actor, wave=wave, **told)
    elif before.state == "rolling":
        record(DEVICE_ROLLOUT_COMPLETED, row.service, workspace=workspace, why="all waves have had it", **told)


def _created(target: Target, service_id: int) -> DeviceRollout | None:
    try:
        with transaction.atomic():
            row = DeviceRollout.objects.create(target=target, service_id=service_id)
    except IntegrityError:
        return None
    return DeviceRollout.objects.select_related("service__workspace").get(pk=row.pk)


def _tell(target: Target, devices: list[Device]) -> None:
    """For the check of the target, whose driver sees no tables."""
    online = sum(device.is_online for device in devices)
    facts = [f"{online} of {len(devices)} devices were seen in the last two minutes."]
    facts += [f"{device.name}: {device.problem['message']}" for device in devices if device.problem][:20]
    path = published.target_folder(target.pk).standing
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, msgspec.json.encode(published.Standing(facts)))


def _read(text: str) -> Published | None:
    return msgspec.json.decode(text, type=Published) if text else None


def _text(release: Published | None) -> str:
    return msgspec.json.encode(release).decode() if release else ""
