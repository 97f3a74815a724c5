"""Telemetry of instances that may connect to nobody, or whose target lets none of them reach the studio: the target
keeps it, and the studio comes for it."""

import logging
from collections.abc import Iterable

import msgspec
from django.db.models import Q

from deployments.models import Instance
from deployments.recipe.spec import ref_of
from deployments.targets import driver_for
from deployments.targets.base import KeepsWindows
from deployments.targets.kinds import kinds
from monitoring.telemetry.ingest import check, keep
from scoring.contract import Window
from studio.core.errors import BadInput

log = logging.getLogger(__name__)
MOST_ROUNDS = 20  # for one instance at a time: 4,000 windows, five hours of them


def take_spooled() -> int:
    """Come for what all such instances have left; the number of windows kept. A target that does not answer, or whose
    windows cannot be stored now, has them still."""
    always = [kind.name for kind in kinds() if kind.keeps_windows]
    rows = Instance.objects.filter(Q(revision__deployment_config__network="none") | Q(target__kind__in=always))
    return sum(_take(one) for one in rows.select_related("service__workspace", "revision", "target"))


def _take(instance: Instance) -> int:
    kept = 0

    def keep_all(bodies: list[bytes]) -> None:
        nonlocal kept
        kept += keep(instance.service_id, _windows(bodies, instance.revision.number))

    try:
        driver = driver_for(instance.target)
        if isinstance(driver, KeepsWindows):
            for _ in range(MOST_ROUNDS):
                if not driver.take_windows(ref_of(instance), keep_all):
                    break
    except Exception:
        log.exception("telemetry of instance %s cannot be taken now", instance.pk)
    return kept


def _windows(bodies: Iterable[bytes], revision: int) -> list[Window]:
    """Those that can be read and say what the instance can say of itself: its code may have written them."""
    found = []
    for body in bodies:
        try:
            window = msgspec.json.decode(body, type=Window)
            check(window)
        except (msgspec.DecodeError, UnicodeDecodeError, BadInput):
            continue
        if window.revision == revision:
            found.append(window)
    return found
