"""Devices as a target: a group of them, each with an agent that asks the studio what to run."""

from deployments.targets.base import TargetRef
from deployments.targets.edge.driver import EdgeDriver
from deployments.targets.edge.published import target_folder
from deployments.targets.kinds import Setting, TargetKind, register

SETTINGS = (
    Setting(
        "waves",
        "Waves",
        help="Which devices get a new revision one after the other: shares and labels, such as "
        "label:canary, 25%, 100%. Empty: all at once.",
        default="",
    ),
    Setting(
        "bake_seconds",
        "Bake time",
        "integer",
        help="Seconds for which all devices of a wave that can be reached must run it before the next wave.",
        default=60,
    ),
    Setting(
        "most_failures",
        "Failures allowed",
        "integer",
        help="On more devices than these, the roll-out stops.",
        default=0,
    ),
    Setting(
        "listen",
        "Address on devices",
        help="Where services listen on a device: 127.0.0.1 for programs of the device, 0.0.0.0 for its network.",
        default="127.0.0.1",
    ),
    Setting(
        "first_port",
        "First port on devices",
        "integer",
        help="Services get this port and those after it, the same on every device.",
        default=8001,
    ),
)


def _driver(target: TargetRef) -> EdgeDriver:
    return EdgeDriver(target_folder(target.target_id), target.settings)


register(TargetKind("edge", "Edge devices", _driver, SETTINGS, needs_parts=True))
