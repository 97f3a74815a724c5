"""This machine as a target: instances are processes of their own, each with a run folder."""

from functools import partial

from django.conf import settings

from deployments.targets.base import Driver, TargetRef
from deployments.targets.kinds import TargetKind, register
from deployments.targets.local.built import bundle_at, python_at
from deployments.targets.local.driver import LocalDriver
from deployments.targets.scoring_library import debugger_library, scoring_library


def _driver(target: TargetRef) -> Driver:
    return LocalDriver(
        root=settings.DATA_DIR / "services",
        library=partial(scoring_library, settings.BASE_DIR / "scoring", settings.DATA_DIR / "lib"),
        debugger=partial(debugger_library, settings.DATA_DIR / "lib"),
        bundle_at=bundle_at,
        python_at=python_at,
    )


register(TargetKind("local", "This machine", _driver, needs_ports=True, can_debug=True))
