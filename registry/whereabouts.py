"""Where versions run. Services live in another app: only their relation to versions is read."""

from collections.abc import Iterable
from typing import Any

from registry.models import ModelVersion
from registry.search import SERVING


def services_running(versions: Iterable[ModelVersion]) -> dict[int, list[Any]]:
    """The services whose newest revision holds each version, by the version's id, in one question."""
    uses = ModelVersion.uses.field.model._default_manager
    rows = uses.filter(version__in=versions, **SERVING).select_related("revision__service")
    found: dict[int, list[Any]] = {}
    for row in rows.order_by("revision__service__name"):
        found.setdefault(row.version_id, []).append(row.revision.service)
    return found


def uses_of(version: ModelVersion) -> list[Any]:
    """Every revision that holds the version, newest first; each has `.revision.service`."""
    return list(version.uses.select_related("revision__service", "revision__created_by").order_by("-revision_id"))
