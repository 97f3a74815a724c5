"""A filter's tree as conditions of the database, in shapes that PostgreSQL and SQLite plan well.

Conditions are asked of versions, or of tag rows, which lead to their version and model without a join: a search
for a tag then reads one index. bench/registry.py shows the plans.
"""

from dataclasses import dataclass

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from registry.inspection import frameworks
from registry.models import ModelVersion, VersionUse
from registry.models import Tag as TagRow
from registry.search.filter_tree import And, Field, How, Node, Not, Or, Tag, Word
from registry.versions.labels import normal
from studio.accounts.models import Workspace
from studio.core.errors import BadInput

LAST_CHARACTER = "\U0010ffff"
NOT_BY_MODEL = {"name", "created_by"}  # fields that no index has behind a version's model


@dataclass(frozen=True)
class Rows:
    """The rows a condition is asked of, and their way to their version.

    `few` says that only some rows are asked (those of a page), each by itself; otherwise all are.
    """

    workspace: Workspace
    version: str = "pk"  # the column with the version's id
    path: str = ""  # what leads to the version's columns
    few: bool = False


def carriers(workspace: Workspace, node: Node | None) -> QuerySet:
    """Rows with a `model`, one or more for each version that is what `node` asks: tags where one must be there."""
    parts, needed = _parts(node), _needed(node)
    if not needed:
        return ModelVersion.objects.in_workspace(workspace).filter(condition(node, Rows(workspace)))
    rows = Rows(workspace, version="version", path="version__")
    others = [condition(part, rows) for part in parts if part is not needed[0]]
    return TagRow.objects.filter(_wanted(_tags_of(needed[0])), *others, workspace=workspace).order_by()


def further_carriers(workspace: Workspace, node: Node | None) -> list[QuerySet]:
    """Tag rows with a `model` for each further tag that must be there. They narrow the models down for SQLite, which
    cannot tell that it had better begin with the rare one of two tags; PostgreSQL can."""
    return [TagRow.objects.filter(_wanted(_tags_of(part)), workspace=workspace) for part in _needed(node)[1:]]


def _parts(node: Node | None) -> tuple[Node | None, ...]:
    """What must all be true."""
    return node.parts if isinstance(node, And) else (node,)


def _needed(node: Node | None) -> list[Node]:
    """The parts that ask for a tag to be there, exact values first."""
    asked = [part for part in _parts(node) if part is not None and _tags_of(part)]
    return sorted(asked, key=lambda part: not (isinstance(part, Tag) and part.how == "exact"))


def is_read_whole(node: Node | None) -> bool:
    """Whether no index leads from a model to what `node` asks of its versions.

    SQLite answers EXISTS model by model: without an index that jumps through the whole table, which is better read
    once from its beginning to its end. PostgreSQL decides by itself.
    """
    return not _needed(node) and any(
        isinstance(part, Word) or (isinstance(part, Field) and part.name in NOT_BY_MODEL) for part in _parts(node)
    )


def condition(node: Node | None, rows: Rows) -> Q:
    """What `node` asks of each of `rows`."""
    if node is None:
        return Q()
    if isinstance(node, Not):
        return ~condition(node.part, rows)
    if isinstance(node, And):
        return Q(*(condition(part, rows) for part in node.parts))
    if isinstance(node, Tag):
        return _tagged([node], rows)
    if isinstance(node, Or):
        return _tagged(tags, rows) if (tags := _tags_of(node)) else _either(alternatives(node), rows)
    return _contains(node, rows) if isinstance(node, Word) else _field(node, rows)


def _tagged(tags: list[Tag], rows: Rows) -> Q:
    """One of the tags is there."""
    found = TagRow.objects.filter(_wanted(tags), workspace=rows.workspace, version=OuterRef(rows.version))
    return Q(Exists(found))


def alternatives(node: Or) -> list[Node]:
    """What an OR chooses from. Its tags are one alternative, for which one look into their index is enough."""
    tags = tuple(part for part in node.parts if isinstance(part, Tag))
    others: list[Node] = [part for part in node.parts if not isinstance(part, Tag)]
    return [*others, Or(tags) if len(tags) > 1 else tags[0]] if tags else others


def _either(options: list[Node], rows: Rows) -> Q:
    """A UNION of what each finds: an OR of EXISTS would be asked of every row, which is only good for few."""
    if rows.few:
        return Q(*(condition(option, rows) for option in options), _connector=Q.OR)
    versions = ModelVersion.objects.in_workspace(rows.workspace).order_by()
    first, *rest = [versions.filter(condition(option, Rows(rows.workspace))).values("pk") for option in options]
    return Q(**{f"{rows.version}__in": first.union(*rest, all=True)})


def _tags_of(node: Node | None) -> list[Tag]:
    """The tags of which one must be there; empty when the node is anything else."""
    if isinstance(node, Tag):
        return [node]
    parts = node.parts if isinstance(node, Or) else ()
    tags = [part for part in parts if isinstance(part, Tag)]
    return tags if len(tags) == len(parts) else []


def _wanted(tags: list[Tag]) -> Q:
    conditions = (Q(key=normal(tag.key)) & _value("value", normal(tag.value), tag.how) for tag in tags)
    return Q(*conditions, _connector=Q.OR)


def _contains(word: Word, rows: Rows) -> Q:
    # SQLite lowers ASCII letters only, so that other words are also looked up as they were typed.
    column, lowered = f"{rows.path}text__contains", word.text.lower()
    found = Q(**{column: lowered})
    return found if word.text.isascii() else found | Q(**{column: word.text})


def _field(field: Field, rows: Rows) -> Q:
    if field.name == "is":
        return _deployed(rows) if field.value == "deployed" else _latest(rows)
    if field.name == "version":
        return Q(**{f"{rows.path}number": int(field.value)})
    if field.name == "name":
        # The workspace once more: the index of names begins with it.
        return Q(model__workspace=rows.workspace) & _value("model__name", field.value, field.how)
    value = _framework(field.value) if field.name == "framework" else field.value
    column = "created_by__username" if field.name == "created_by" else field.name
    # The workspace once more: the indexes of versions begin with it.
    return Q(**{f"{rows.path}workspace": rows.workspace}) & _value(rows.path + column, value, field.how)


def _framework(value: str) -> str:
    """ScikitLearn, sklearn and scikit-learn are one; an unknown word finds nothing."""
    try:
        return frameworks.canonical(value)
    except BadInput:
        return value.lower()


def _value(column: str, value: str, how: How) -> Q:
    if how == "any":
        return Q()
    if how == "exact":
        return Q(**{column: value})
    if connection.vendor == "sqlite":  # its LIKE reads no index, and takes a for A
        return Q(**{f"{column}__gte": value, f"{column}__lt": value + LAST_CHARACTER})
    return Q(**{f"{column}__startswith": value})


def _latest(rows: Rows) -> Q:
    newer = ModelVersion.objects.filter(model=OuterRef("model"), number__gt=OuterRef(f"{rows.path}number"))
    return ~Q(Exists(newer))


def _deployed(rows: Rows) -> Q:
    return Q(Exists(VersionUse.objects.filter(version=OuterRef(rows.version), serving=True)))
