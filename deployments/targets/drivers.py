"""One driver for each target, made with its settings, and made anew when they change."""

from datetime import datetime
from threading import Lock

from deployments.targets.base import Driver, TargetRef, TargetRow
from deployments.targets.kinds import kind_of

_made: dict[int, tuple[datetime, Driver]] = {}  # by id of the target, with the `changed_at` it was made for
_making = Lock()


def driver_for(target: TargetRow) -> Driver:
    """The driver of a target. Raises `NotFound` for one whose kind nobody has registered."""
    made = _made.get(target.pk)
    if made and made[0] == target.changed_at:
        return made[1]
    with _making:
        kind = kind_of(target.kind)
        driver = kind.make(TargetRef(target.pk, target.kind, kind.complete(target.all_settings)))
        _made[target.pk] = (target.changed_at, driver)
        return driver


def forget_drivers() -> None:
    """Make every driver anew, as a new process does."""
    _made.clear()
