"""Find models and versions: a filter (`filter_parser.py`) becomes one SQL query (`filter_sql.py`).

A version matches or it does not; a model is found when any of its versions matches. Built for 100,000
versions with five tags each; bench/registry.py proves it and shows the plans.
"""

from dataclasses import dataclass

from django.db import connection
from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from registry.models import Model, ModelVersion
from registry.search.filter_parser import read
from registry.search.filter_sql import Rows, alternatives, carriers, condition, further_carriers, is_read_whole
from registry.search.filter_tree import Node, Or, write
from studio.accounts.models import Workspace
from studio.core.errors import BadInput

SORTS = {
    "-updated": ("-updated_at", "-id"),
    "updated": ("updated_at", "id"),
    "name": ("name",),
    "-name": ("-name",),
    "-created": ("-created_at", "-id"),
    "created": ("created_at", "id"),
}
DEFAULT_SORT = "-updated"


@dataclass(frozen=True)
class Query:
    """A filter that was read; `str()` gives its canonical text."""

    root: Node | None

    def __str__(self) -> str:
        return write(self.root)


def parse(text: str) -> Query:
    """Raises `BadInput` with the position of what cannot be read."""
    return Query(read(text))


def search_models(workspace: Workspace, text: str = "", sort: str = DEFAULT_SORT) -> QuerySet[Model]:
    """Models with a matching version; `model.found[0]` is the newest version that matches.

    Reading one page costs the same few queries whatever its length. Raises `BadInput`.
    """
    root = parse(text).root
    return models_of(workspace, root).order_by(*ordering(sort)).prefetch_related(newest_found(workspace, root))


def models_of(workspace: Workspace, root: Node | None) -> QuerySet[Model]:
    """Models of which some version is what `root` asks, in no order."""
    models = Model.objects.in_workspace(workspace)
    options = alternatives(root) if isinstance(root, Or) else [root]
    if len(options) == 1:
        return _with(models, workspace, options[0])
    first, *rest = [carriers(workspace, option).values("model") for option in options]
    return models.filter(pk__in=first.union(*rest, all=True))


def _with(models: QuerySet[Model], workspace: Workspace, node: Node | None) -> QuerySet[Model]:
    """Those of which some version is what `node` asks, in the shape that the database answers best."""
    found = carriers(workspace, node)
    if connection.vendor == "sqlite":
        if is_read_whole(node):
            return models.filter(pk__in=found.values("model"))
        models = models.filter(
            *(Exists(rows.filter(model=OuterRef("pk"))) for rows in further_carriers(workspace, node))
        )
    return models.filter(Exists(found.filter(model=OuterRef("pk"))))


def newest_found(workspace: Workspace, root: Node | None) -> Prefetch:
    """Puts the newest matching version of each model into `model.found`, with its tags and author."""
    matching = ModelVersion.objects.in_workspace(workspace).filter(condition(root, Rows(workspace, few=True)))
    newest = matching.order_by("-number").select_related("created_by").prefetch_related("tags")[:1]
    return Prefetch("versions", queryset=newest, to_attr="found")


def search_versions(workspace: Workspace, text: str = "") -> QuerySet[ModelVersion]:
    """Versions that match, newest first, with their model, tags and author. Raises `BadInput`."""
    return (
        ModelVersion.objects.in_workspace(workspace)
        .filter(condition(parse(text).root, Rows(workspace)))
        .order_by("-created_at", "-id")
        .select_related("model", "created_by")
        .prefetch_related("tags")
    )


def ordering(sort: str) -> tuple[str, ...]:
    if sort not in SORTS:
        raise BadInput(f"Models cannot be sorted by '{sort}'.", hint=f"Use one of {', '.join(SORTS)}.", field="sort")
    return SORTS[sort]
