"""A Docker engine as a target, on this machine or another one: each replica is a container of an image that the studio
has built."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.conf import settings

from deployments.engines import EngineAddress
from deployments.engines.studio_id import studio_id
from deployments.targets.base import Driver, TargetRef
from deployments.targets.docker.driver import DockerDriver
from deployments.targets.docker.names import Owner
from deployments.targets.docker.target_settings import SETTINGS, read_settings
from deployments.targets.kinds import TargetKind, register

BUILD_SECONDS = 300.0


def _driver(target: TargetRef) -> Driver:
    owner = Owner(studio_id(), target.target_id)
    return DockerDriver(read_settings(target.settings), owner, settings.DATA_DIR / "containers" / str(target.target_id))


def _engine(given: Mapping[str, Any]) -> EngineAddress:
    """For builds, which wait for an engine that unpacks large layers."""
    return replace(read_settings(given).engine, seconds=BUILD_SECONDS)


register(
    TargetKind(
        "docker",
        "Docker engine",
        _driver,
        SETTINGS,
        needs_images=True,
        keeps_windows=True,
        engine=_engine,
        validate=read_settings,
    )
)
