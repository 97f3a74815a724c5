"""Find models and versions: a filter (registry.filter_reader) becomes one SQL question.

A version matches or it does not; a model is found when any of its versions matches. Built for 100,000
versions with five tags each; bench/registry.py proves it and shows the plans.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet

from registry import frameworks
from registry.filter_nodes import And, Field, How, Node, Not, Or, Tag, Word, write
from registry.filter_reader import read
from registry.models import Model, ModelVersion
from registry.models import Tag as TagRow
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
Either = Callable[[list[Q]], Q]


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
    matching = ModelVersion.objects.in_workspace(workspace).filter(condition(root, workspace))
    return Model.objects.in_workspace(workspace).filter(Exists(matching.filter(model=OuterRef("pk"))))


def newest_found(workspace: Workspace, root: Node | None) -> Prefetch:
    """Puts the newest matching version of each model into `model.found`, with its tags and author."""
    matching = ModelVersion.objects.in_workspace(workspace).filter(condition(root, workspace, either=_any))
    newest = matching.order_by("-number").select_related("created_by").prefetch_related("tags")[:1]
    return Prefetch("versions", queryset=newest, to_attr="found")


def search_versions(workspace: Workspace, text: str = "") -> QuerySet[ModelVersion]:
    """Versions that match, newest first, with their model, tags and author. Raises `BadInput`."""
    return (
        ModelVersion.objects.in_workspace(workspace)
        .filter(condition(parse(text).root, workspace))
        .order_by("-created_at", "-id")
        .select_related("model", "created_by")
        .prefetch_related("tags")
    )


def ordering(sort: str) -> tuple[str, ...]:
    if sort not in SORTS:
        raise BadInput(f"Models cannot be sorted by '{sort}'.", hint=f"Use one of {', '.join(SORTS)}.", field="sort")
    return SORTS[sort]


def condition(node: Node | None, workspace: Workspace, *, either: Either | None = None) -> Q:
    """What `node` asks of a ModelVersion of `workspace`.

    `either` joins the alternatives of an OR: by default for a look through all versions, `_any` for a few rows.
    """
    either = either or partial(_united, workspace)
    if node is None:
        return Q()
    if isinstance(node, Not):
        return ~condition(node.part, workspace, either=either)
    if isinstance(node, And):
        return Q(*(condition(part, workspace, either=either) for part in node.parts))
    if isinstance(node, Or):
        return either(_alternatives(node, workspace, either))
    if isinstance(node, Tag):
        return _tagged([node], workspace)
    return _contains(node) if isinstance(node, Word) else _field(node)


def _alternatives(node: Or, workspace: Workspace, either: Either) -> list[Q]:
    """Tags side by side are one alternative: one EXISTS, which a database can turn into a join."""
    tags = [part for part in node.parts if isinstance(part, Tag)]
    others = [condition(part, workspace, either=either) for part in node.parts if not isinstance(part, Tag)]
    return [*others, _tagged(tags, workspace)] if tags else others


def _any(options: list[Q]) -> Q:
    return Q(*options, _connector=Q.OR)


def _united(workspace: Workspace, options: list[Q]) -> Q:
    """A UNION of what each alternative finds: an OR of EXISTS would be asked of every row instead."""
    if len(options) == 1:
        return options[0]
    versions = ModelVersion.objects.in_workspace(workspace).order_by()
    first, *rest = [versions.filter(option).values("pk") for option in options]
    return Q(pk__in=first.union(*rest, all=True))


def _tagged(tags: list[Tag], workspace: Workspace) -> Q:
    wanted = Q(*(Q(key=tag.key) & _value("value", tag.value, tag.how) for tag in tags), _connector=Q.OR)
    return Q(Exists(TagRow.objects.filter(wanted, workspace=workspace, version=OuterRef("pk"))))


def _contains(word: Word) -> Q:
    # SQLite lowers ASCII letters only, so that other words are also looked up as they were typed.
    return Q(text__contains=word.text.lower()) | Q(text__contains=word.text)


def _field(field: Field) -> Q:
    if field.name == "is":
        return _deployed() if field.value == "deployed" else _latest()
    if field.name == "version":
        return Q(number=int(field.value))
    value = _framework(field.value) if field.name == "framework" else field.value
    column = {"name": "model__name", "created_by": "created_by__username"}.get(field.name, field.name)
    return _value(column, value, field.how)


def _framework(value: str) -> str:
    """ScikitLearn, sklearn and scikit-learn are one; an unknown word finds nothing."""
    try:
        return frameworks.canonical(value)
    except BadInput:
        return value.lower()


def _value(column: str, value: str, how: How) -> Q:
    if how == "any":
        return Q()
    return Q(**{column if how == "exact" else f"{column}__startswith": value})


def _latest() -> Q:
    newer = ModelVersion.objects.filter(model=OuterRef("model"), number__gt=OuterRef("number"))
    return ~Q(Exists(newer))


def _deployed() -> Q:
    """A service that is meant to run uses it. Services live in another app: only their relation is read."""
    uses = ModelVersion.uses.field.model._default_manager
    return Q(Exists(uses.filter(version=OuterRef("pk"), **SERVING)))


SERVING = {"revision__service__desired": "running", "revision__number": F("revision__service__last_revision")}
