"""Pure: how many replicas the options of a revision ask for, and what a service's own figures change of that."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployments.config.options import DeploymentConfig
from deployments.errors import BadDeploymentConfig

FIXED = "replicas"
MOST = "max_replicas"
OF_AUTOSCALING = ("min_replicas", "target_utilization", "scaling_seconds", "idle_seconds")
FIGURES = (FIXED, MOST, *OF_AUTOSCALING)  # that a service may override until a deployment names others


@dataclass(frozen=True)
class Scaling:
    """Between `least` and `most` replicas, each so busy (`target`, 0 to 1) with `slots` requests at once.

    Seconds: decided every `refresh`, and 0 replicas after `idle` without a request. Equal ones: a fixed number.
    """

    least: int
    most: int
    target: float = 0.7
    slots: int = 1
    refresh: float = 1.0
    idle: float = 300.0

    @property
    def is_fixed(self) -> bool:
        return self.least == self.most

    @property
    def sleeps(self) -> bool:
        """Whether it may have no replica while nobody asks."""
        return self.least == 0

    def within(self, replicas: int) -> int:
        """The number that is allowed and nearest."""
        return min(max(replicas, self.least), self.most)


def scaling_of(config: DeploymentConfig, override: Mapping[str, Any] | None = None) -> Scaling:
    """What a revision's options say, and above them what people have set for the service since.

    Without a limit of requests at once a replica counts as full with one in each of its processes.
    """
    figures = figures_in(config) | _known(override or {})
    slots = config.concurrency or config.processes or max(1, math.ceil(config.cpu))
    if figures[MOST] is None:
        return Scaling(figures[FIXED], figures[FIXED], slots=slots)
    return Scaling(
        least=min(figures["min_replicas"], figures[MOST]),
        most=figures[MOST],
        target=figures["target_utilization"] / 100,
        slots=slots,
        refresh=float(figures["scaling_seconds"]),
        idle=float(figures["idle_seconds"]),
    )


def figures_in(config: DeploymentConfig) -> dict[str, Any]:
    """Those that a service may override, as the options have them."""
    return {name: getattr(config, name) for name in FIGURES}


def in_words(scaling: Scaling) -> str:
    """'4 replicas', '1 to 10 replicas at 70 %', '0 to 3 replicas at 70 %, asleep after 300 s'."""
    if scaling.is_fixed:
        return f"{scaling.most} replica{'' if scaling.most == 1 else 's'}"
    asleep = f", asleep after {scaling.idle:g} s" if scaling.sleeps else ""
    return f"{scaling.least} to {scaling.most} replicas at {scaling.target:.0%}{asleep}".replace("%", " %")


def check(values: Mapping[str, Any]) -> None:
    """What is given of the figures fits together. Raises `BadDeploymentConfig`, which names the field."""
    most = values.get(MOST)
    if most is not None and FIXED in values:
        raise BadDeploymentConfig(
            "A service has a fixed number of replicas, or scales by its load, not both.",
            hint=f"Leave {FIXED} out, or {MOST}.",
            field=FIXED,
        )
    alone = [name for name in OF_AUTOSCALING if name in values]
    if most is None and alone:
        raise BadDeploymentConfig(
            f"{alone[0]} is about scaling by load, which is off.",
            hint=f"Name {MOST} too, or leave it out.",
            field=alone[0],
        )
    least = values.get("min_replicas", 1)
    if most is not None and least > most:
        raise BadDeploymentConfig(
            f"The fewest replicas, {least}, are more than the most, {most}.",
            hint="Lower the one or raise the other.",
            field="min_replicas",
        )


def _known(override: Mapping[str, Any]) -> dict[str, Any]:
    """A fixed number turns scaling by load off."""
    found = {name: value for name, value in override.items() if name in FIGURES}
    return found | {MOST: None} if FIXED in found else found
