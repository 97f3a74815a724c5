"""Targets: the places where services run, each behind the same few verbs (see base.Driver)."""

from collections.abc import Callable
from functools import cache, partial

from django.conf import settings

from deployments.targets.base import Driver
from deployments.targets.fake import FakeDriver
from deployments.targets.local.driver import LocalDriver
from deployments.targets.local.library import scoring_library
from studio.core.errors import NotFound


def _local() -> Driver:
    library = partial(scoring_library, settings.BASE_DIR / "scoring", settings.DATA_DIR / "lib")
    return LocalDriver(root=settings.DATA_DIR / "services", library=library)


DRIVERS: dict[str, Callable[[], Driver]] = {"local": _local, "fake": FakeDriver}


@cache
def driver_for(name: str) -> Driver:
    """The driver of a target; raises `NotFound` for a name that no driver has."""
    if name not in DRIVERS:
        raise NotFound(f"There is no target driver '{name}'.", hint=f"Drivers are {', '.join(DRIVERS)}.")
    return DRIVERS[name]()
