"""Pure: what people want of a service beside what was found, difference by difference."""

from dataclasses import dataclass

from deployments.control.phases import ABSENT
from deployments.control.service_phase import ServiceFacts
from deployments.models import Desired, Revision, Service
from deployments.targets.observation import Observation


@dataclass(frozen=True)
class Row:
    label: str
    desired: str
    observed: str
    differs: bool


def compare(service: Service, wanted: Revision | None, facts: ServiceFacts) -> list[Row]:
    """The header's table."""
    shown = facts.shown
    found = shown.observation if shown else ABSENT
    running = service.desired == Desired.RUNNING
    process = found.state if shown else "not looked at yet"
    revision = f"revision {found.revision}" if found.revision and found.is_live else "none"
    is_applied = service.generation == service.observed_generation
    models = ", ".join(str(use.version) for use in wanted.models.all()) if wanted else "–"
    return [
        Row("Process", service.get_desired_display(), process, not _as_wanted(running, found)),
        Row(
            "Revision",
            f"revision {service.wanted_revision} ({models})" if running else "none",
            revision,
            (found.revision != service.wanted_revision) if running else found.is_live,
        ),
        Row("Latest change", "carried out", "carried out" if is_applied else "not begun", not is_applied),
    ]


def _as_wanted(running: bool, found: Observation) -> bool:
    return found.state == "ready" if running else not found.is_live
