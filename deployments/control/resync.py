"""Looks at many settled instances at once: where all is as it was found last, no visit is needed.

A visit takes a lease, reads the instance with all that belongs to it, and writes what it found: several times the cost
of the look itself. Most visits of a calm studio find nothing new.
"""

import logging
import time
from datetime import datetime, timedelta

from django.db.models import F, QuerySet

from deployments.control.notes import Notes
from deployments.models import Instance, InstanceDesired, Phase
from deployments.recipe.spec import ref_of
from deployments.targets import driver_for

log = logging.getLogger(__name__)

READ = (  # what tells an instance's name, its driver and what was found; not secrets, which are deciphered, nor configs
    *("observed", "changed_at", "service__name", "service__workspace__slug", "revision__number"),
    *("target__kind", "target__settings", "target__secrets", "target__changed_at"),
)
VISIT_SECONDS = 900.0  # a visit, which also mends what is written wrong, comes at least so often


def resync(due: QuerySet[Instance], now: datetime, until: float) -> None:
    """Postpone those of `due`, which nobody holds a lease of, that are healthy and as their last visit found them.

    Left due are those where anything is new, or a visit is needed, and those not looked at by `until` (monotonic),
    since one that hangs takes long. What has changed meanwhile is left due, too.
    """
    settled = due.filter(
        desired=InstanceDesired.RUNNING,
        phase=Phase.HEALTHY,
        observed_generation=F("generation"),
        observed_at__gt=now - timedelta(seconds=VISIT_SECONDS),
        observed_at__lte=now,
    )
    pauses: dict[float, list[Instance]] = {}
    for instance in settled.select_related("service__workspace", "target", "revision").only(*READ):
        if time.monotonic() > until:
            break
        if (pause := _pause(instance)) is not None:
            pauses.setdefault(pause, []).append(instance)
    for pause, instances in pauses.items():
        rows = due.filter(pk__in=[one.pk for one in instances], observed_generation=F("generation"))
        rows.update(due_at=now + timedelta(seconds=pause))


def _pause(instance: Instance) -> float | None:
    """Seconds until the next look; None where something is new, or cannot be told."""
    notes, driver = Notes.of(instance), driver_for(instance.target)
    if notes.errors or notes.obstacle or notes.withdrawal:
        return None
    try:
        found = driver.observe(ref_of(instance))
    except Exception:
        log.debug("instance %s cannot be looked at", instance.pk, exc_info=True)
        return None  # the visit that follows tells why
    return driver.resync_seconds if found == notes.observation else None
