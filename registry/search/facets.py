"""What the versions of a search have in common: frameworks and tags with counts, to narrow it with one click.

Counted over the newest `SAMPLE` versions and kept for a short while: facets guide, they do not account.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Count, QuerySet

from registry.models import ModelVersion, Tag
from registry.search.filter_sql import Rows, condition
from registry.search.filter_tree import Node
from registry.search.search import models_of, parse
from studio.accounts.models import Workspace

SAMPLE = 5000  # versions
KEYS, VALUES = 8, 6  # tag keys shown, values shown of each
MOST = 10_000  # models counted exactly
SECONDS = 30


@dataclass(frozen=True)
class Facet:
    """`values` are (value, versions) pairs, most first; `key` is "framework" or a tag's."""

    key: str
    count: int  # versions that have the key
    values: list[tuple[str, int]]


@dataclass(frozen=True)
class Facets:
    models: str  # how many models were found: "7,512", or "10,000+"
    frameworks: Facet
    tags: list[Facet]
    sampled: bool  # only the newest SAMPLE versions were counted


def facets(workspace: Workspace, text: str) -> Facets:
    """Facets of the versions that match `text`. Raises `BadInput`."""
    query = parse(text)
    key = f"facets:{workspace.pk}:{hashlib.sha256(str(query).encode()).hexdigest()}"
    kept = cache.get(key)
    if kept is None:
        matching = ModelVersion.objects.in_workspace(workspace).filter(condition(query.root, Rows(workspace)))
        kept = _count(_models(workspace, query.root), matching.order_by("-created_at", "-id"))
        cache.set(key, kept, SECONDS)
    return kept


def _models(workspace: Workspace, root: Node | None) -> str:
    count = models_of(workspace, root).order_by().values("pk")[: MOST + 1].count()
    return f"{MOST:,}+" if count > MOST else f"{count:,}"


def _count(models: str, versions: QuerySet[ModelVersion]) -> Facets:
    newest = list(versions.values_list("pk", "framework")[: SAMPLE + 1])
    frameworks: dict[str, int] = defaultdict(int)
    for _, framework in newest[:SAMPLE]:
        frameworks[framework] += 1
    tags = Tag.objects.filter(version__in=versions.values("pk")[:SAMPLE]).order_by()
    total = sum(frameworks.values())
    return Facets(models, Facet("framework", total, _most(frameworks)), _tag_facets(tags), sampled=len(newest) > SAMPLE)


def _tag_facets(tags: QuerySet[Tag]) -> list[Facet]:
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for key, value, count in tags.values_list("key", "value").annotate(count=Count("pk")):
        counts[key][value] = count
    facets = [Facet(key, sum(values.values()), _most(values)) for key, values in counts.items()]
    return sorted(facets, key=lambda facet: (-facet.count, facet.key))[:KEYS]


def _most(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:VALUES]
