"""What the versions of a search have in common: frameworks and tags with counts, to narrow it with one click.

A count says how many models the click would find. Counted over the newest `SAMPLE` versions and kept for a short while:
facets guide, they do not account.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass

from django.core.cache import cache
from django.db.models import Count, QuerySet

from registry.models import ModelVersion, Tag
from registry.search.filter_sql import Rows, condition
from registry.search.search import parse
from studio.accounts.models import Workspace

SAMPLE = 5000  # versions
KEYS, VALUES = 8, 6  # tag keys shown, values shown of each
SECONDS = 30


@dataclass(frozen=True)
class Facet:
    """`values` are (value, models) pairs, most first; `key` is "framework" or a tag's."""

    key: str
    values: list[tuple[str, int]]


@dataclass(frozen=True)
class Facets:
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
        kept = _count(matching.order_by("-created_at", "-id"))
        cache.set(key, kept, SECONDS)
    return kept


def _count(versions: QuerySet[ModelVersion]) -> Facets:
    newest = list(versions.values_list("framework", "model")[: SAMPLE + 1])
    frameworks: dict[str, set[int]] = defaultdict(set)
    for framework, model in newest[:SAMPLE]:
        frameworks[framework].add(model)
    tags = Tag.objects.filter(version__in=versions.values("pk")[:SAMPLE]).order_by()
    counts = {framework: len(models) for framework, models in frameworks.items()}
    return Facets(Facet("framework", _most(counts)), _tag_facets(tags), sampled=len(newest) > SAMPLE)


def _tag_facets(tags: QuerySet[Tag]) -> list[Facet]:
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for key, value, count in tags.values_list("key", "value").annotate(count=Count("model", distinct=True)):
        counts[key][value] = count
    common = sorted(counts.items(), key=lambda pair: (-sum(pair[1].values()), pair[0]))[:KEYS]
    return [Facet(key, _most(values)) for key, values in common]


def _most(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:VALUES]
