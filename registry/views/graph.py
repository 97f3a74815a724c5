"""The Graph tab of a version: what the inspection found in the file, drawn."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

from registry.graphs.costs import Costs
from registry.graphs.drawing import draw
from registry.graphs.finding import MOST_FOUND, nodes_like, nodes_of, operators_of, refused_nodes
from registry.graphs.panel import panel_of
from registry.graphs.units import FOLD_FROM, units_of
from registry.graphs.words import name_of
from registry.inspection.graph import Graph
from registry.inspection.kept_graphs import graph_of
from registry.models import ModelVersion

MOST_RANKED = 10  # nodes of those that take the most time


def graph_panel(version: ModelVersion, query: QueryDict, measured: Costs | None = None) -> dict[str, Any]:
    """What the tab shows; `measured` is what the nodes take, where that is known."""
    graph = graph_of(version)
    if graph is None:
        return {"graph": None}
    costs = measured.shares if measured else None
    key, sought, operator = (query.get(field, "")[:200] for field in ("node", "q", "op"))
    refused = refused_nodes(graph, version.facts.get("runtime") or {})
    found = nodes_of(graph, operator) if operator else nodes_like(graph, sought)
    can_fold = len(graph.nodes) > FOLD_FROM
    is_folded = can_fold and query.get("fold") != "no"
    units = units_of(graph, folded=is_folded, opened=int(key) if key.isdecimal() and len(key) < 10 else None)
    drawing = draw(
        graph,
        units,
        current=key or (str(found[0]) if found and "from" not in query else ""),
        first=_number(query.get("from")),
        found=set(found),
        refused=refused,
        costs=costs,
    )
    return {
        "graph": graph,
        "drawing": drawing,
        "node": panel_of(graph, key, refused=refused, measured=measured) if key else None,
        "sought": sought,
        "operator": operator,
        "found": [_result(graph, place) for place in found[:MOST_FOUND]],
        "found_count": len(found),
        "operators": operators_of(graph, refused),
        "refused_count": len(refused),
        "can_fold": can_fold,
        "is_folded": is_folded,
        "kept": _kept(query),
        "ranked": _ranked(graph, costs),
        "measured": measured,
        "unplaced": 100 * (1 - sum(share for share, _ in _known(graph, costs))),
    }


def _kept(query: QueryDict) -> str:
    """What links to nodes keep of the address: the search and the folding."""
    kept = QueryDict(mutable=True)
    kept["tab"] = "graph"
    for field in ("q", "op", "fold"):
        if value := query.get(field, "")[:200]:
            kept[field] = value
    return kept.urlencode()


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 10 else None


def _result(graph: Graph, place: int) -> dict[str, str]:
    node = graph.nodes[place]
    return {"key": str(place), "operator": name_of(node), "name": node.name}


def _known(graph: Graph, costs: Mapping[str, float] | None) -> list[tuple[float, int]]:
    """Shares of time and places of the nodes that were measured."""
    return [(costs[node.name], place) for place, node in enumerate(graph.nodes) if costs and node.name in costs]


def _ranked(graph: Graph, costs: Mapping[str, float] | None) -> list[dict[str, Any]]:
    """The nodes that take the most time, with what their bar is to show."""
    most = sorted(_known(graph, costs), key=lambda one: (-one[0], one[1]))[:MOST_RANKED]
    longest = most[0][0] if most else 0.0
    return [
        {**_result(graph, place), "percent": 100 * share, "bar": f"{100 * share / longest if longest else 0:.1f}%"}
        for share, place in most
    ]
