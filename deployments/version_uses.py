"""Which model versions a service needs, written where the registry reads it."""

from django.urls import reverse

from deployments.models import Desired, Phase, RevisionModel, Service
from registry.models import UseKind
from registry.versions import usage


def record_uses(service: Service) -> None:
    """Bring the service's uses up to date; call it in the transaction that changes revisions or the desired state.

    A service needs the versions of all its revisions, and serves those of the wanted one and of those beside it while
    it is meant to run.
    """
    row = Service.objects.select_related("workspace").get(pk=service.pk)
    numbers = RevisionModel.objects.filter(revision__service=row).values_list("version", "revision__number")
    runs = row.desired == Desired.RUNNING
    beside = row.traffic.exclude(revision__number=row.default_revision).values_list("revision__number", flat=True)
    serving = {row.wanted_revision, *beside}
    usage.replace_uses(
        UseKind.SERVICE,
        row.pk,
        used={version for version, _ in numbers},
        serving={version for version, number in numbers if runs and number in serving},
        label=row.name,
        url=reverse("service_detail", args=[row.workspace.slug, row.name]),
        state=row.phase,
        tone=row.phase_tone,
    )


def record_phase(service: Service, phase: Phase) -> None:
    """Show the service's new phase wherever its versions are listed."""
    usage.update_state(UseKind.SERVICE, service.pk, phase.value, phase.tone)


def remove_uses(service: Service) -> None:
    """The service is gone; call it before its row is deleted."""
    usage.remove_uses(UseKind.SERVICE, service.pk)
