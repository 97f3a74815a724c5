"""Pure: what people want of a service beside what was found, difference by difference."""

from dataclasses import dataclass

from deployments.control.phases import ABSENT
from deployments.control.service_phase import InstanceFacts, ServiceFacts
from deployments.models import Desired, Revision, Service


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
    sleeps = shown is not None and shown.is_asleep
    revision = f"revision {found.revision}" if found.revision and found.is_live else "none"
    is_applied = service.generation == service.observed_generation
    models = ", ".join(str(use.version) for use in wanted.models.all()) if wanted else "–"
    of_models = f" ({models})" if models else ""
    return [
        _replicas(service, shown),
        Row(
            "Revision",
            f"revision {service.wanted_revision}{of_models}" if running else "none",
            revision,
            (found.revision != service.wanted_revision and not sleeps) if running else found.is_live,
        ),
        Row("Latest change", "carried out", "carried out" if is_applied else "not begun", not is_applied),
    ]


def _replicas(service: Service, shown: InstanceFacts | None) -> Row:
    if shown is None:
        return Row("Replicas", service.get_desired_display(), "not looked at yet", differs=True)
    found, state = shown.observation, "none" if shown.observation.state == "absent" else shown.observation.state
    if service.desired != Desired.RUNNING:
        return Row("Replicas", service.get_desired_display(), state, found.is_live)
    ready, surplus = found.ready(shown.replicas), len(found.beyond(shown.replicas))
    observed = ", ".join(
        [f"{ready} ready" if ready else state, *([f"{surplus} ending"] if surplus and shown.replicas else [])]
    )
    return Row("Replicas", f"{shown.replicas} ready", observed, ready < shown.replicas or surplus > 0)
