"""This machine as a target: instances are processes of their own, each with a run folder."""

from functools import partial

from django.conf import settings

from deployments.recipe.build_paths import bundle_path
from deployments.targets.base import Driver, TargetRef
from deployments.targets.kinds import TargetKind, register
from deployments.targets.local.driver import LocalDriver
from deployments.targets.local.library import scoring_library
from registry.environments.paths import python_path


def _driver(target: TargetRef) -> Driver:
    return LocalDriver(
        root=settings.DATA_DIR / "services",
        library=partial(scoring_library, settings.BASE_DIR / "scoring", settings.DATA_DIR / "lib"),
        bundle_at=bundle_path,
        python_at=python_path,
    )


register(TargetKind("local", "This machine", _driver, needs_ports=True))
