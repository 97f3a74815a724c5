"""Which things use a version: written by these things, read by pages, REST and whoever wants to delete a version."""

from collections.abc import Collection, Iterable
from typing import Literal

from registry.models import ModelVersion, UseKind, VersionUse

By = Literal["version", "version__model"]


def replace_uses(  # noqa: PLR0913 - the columns of a use
    kind: UseKind,
    user_id: int,
    *,
    used: Collection[int],
    serving: Collection[int],
    label: str,
    url: str,
    state: str = "",
    tone: str = "",
) -> None:
    """State which versions (by id) the user needs now, and which it serves; call it in the user's transaction."""
    VersionUse.objects.filter(kind=kind, user_id=user_id).exclude(version__in=used).delete()
    VersionUse.objects.bulk_create(
        (
            VersionUse(
                version_id=version,
                kind=kind,
                user_id=user_id,
                label=label,
                url=url,
                serving=version in serving,
                state=state,
                tone=tone,
            )
            for version in used
        ),
        update_conflicts=True,
        unique_fields=["kind", "user_id", "version"],
        update_fields=["label", "url", "serving", "state", "tone"],
    )


def update_state(kind: UseKind, user_id: int, state: str, tone: str) -> None:
    """The user's shown state has changed."""
    VersionUse.objects.filter(kind=kind, user_id=user_id).update(state=state, tone=tone)


def remove_uses(kind: UseKind, user_id: int) -> None:
    """The user is gone."""
    VersionUse.objects.filter(kind=kind, user_id=user_id).delete()


def serving_uses(by: By, ids: Iterable[int]) -> dict[int, list[VersionUse]]:
    """The uses that serve these versions (or models), by the id of those; read in one query."""
    rows = VersionUse.objects.filter(**{f"{by}__in": list(ids)}, serving=True).select_related("version")
    found: dict[int, list[VersionUse]] = {}
    for use in rows.order_by("label"):
        found.setdefault(use.version_id if by == "version" else use.version.model_id, []).append(use)
    return found


def services_of(versions: Iterable[ModelVersion]) -> dict[int, list[str]]:
    """Names of the services that use each version, by the version's id; read in one query."""
    rows = VersionUse.objects.filter(version__in=[version.pk for version in versions], kind=UseKind.SERVICE)
    found: dict[int, list[str]] = {}
    for version, label in rows.order_by("label").values_list("version", "label"):
        found.setdefault(version, []).append(label)
    return found


def services_using(version: ModelVersion) -> list[str]:
    """Names of the services that use one version."""
    return services_of([version]).get(version.pk, [])
