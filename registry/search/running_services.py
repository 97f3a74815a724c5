"""Where versions run. Services live in another app: only their relation to versions is read."""

from collections.abc import Iterable
from typing import Any, Literal

from django.db.models import Manager

from registry.models import ModelVersion
from registry.search.filter_sql import SERVING


def running(by: Literal["version", "version__model"], keys: Iterable[int]) -> dict[int, list[Any]]:
    """What services run of these versions (or models), by their id: rows with `.version` and `.revision.service`.

    One question for all of them. A service counts with its newest revision, unless it was stopped or deleted.
    """
    uses: Manager[Any] = ModelVersion.uses.field.model._default_manager
    rows = uses.filter(**{f"{by}__in": list(keys)}, **SERVING).select_related("version", "revision__service")
    found: dict[int, list[Any]] = {}
    for row in rows.order_by("revision__service__name"):
        found.setdefault(row.version_id if by == "version" else row.version.model_id, []).append(row)
    return found


def uses_of(version: ModelVersion) -> list[Any]:
    """Every revision that holds the version, newest first; each has `.revision.service`."""
    return list(version.uses.select_related("revision__service", "revision__created_by").order_by("-revision_id"))
