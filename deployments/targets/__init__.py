"""Targets: the places where services run, each behind the same few verbs (see base.Driver).

A folder of this package is a kind of target; `driver_for` gives the driver of one target.
"""

from deployments.targets.base import Driver, TargetRow
from deployments.targets.drivers import driver_for, forget_drivers

__all__ = ["Driver", "TargetRow", "driver_for", "forget_drivers"]
