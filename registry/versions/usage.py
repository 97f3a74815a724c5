"""Which services use a version. Services live in another app: only their relation to versions is read."""

from collections.abc import Iterable

from registry.models import ModelVersion


def services_of(versions: Iterable[ModelVersion]) -> dict[int, list[str]]:
    """Names of the services with a revision that holds each version, in one question; by the version's id."""
    rows = (
        ModelVersion.objects.filter(pk__in=[version.pk for version in versions], uses__isnull=False)
        .order_by("uses__revision__service__name")
        .values_list("pk", "uses__revision__service__name")
        .distinct()
    )
    found: dict[int, list[str]] = {}
    for key, name in rows:
        found.setdefault(key, []).append(name)
    return found


def services_using(version: ModelVersion) -> list[str]:
    """Names of the services that use one version."""
    return services_of([version]).get(version.pk, [])
