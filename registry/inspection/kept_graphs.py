"""The graphs that inspections found, beside their versions."""

import zlib
from typing import Any

import msgspec

from registry.inspection import graph
from registry.models import ModelVersion, VersionGraph


def keep_graph(version: ModelVersion, found: dict[str, Any] | None) -> None:
    """Replace the version's graph by what an inspection has found; what cannot be a graph is not kept."""
    try:
        kept = graph.read(found)
    except msgspec.ValidationError:
        VersionGraph.objects.filter(version=version).delete()
        return
    row = VersionGraph(version=version, content=zlib.compress(msgspec.json.encode(kept)))
    VersionGraph.objects.bulk_create([row], update_conflicts=True, unique_fields=["version"], update_fields=["content"])


def graph_of(version: ModelVersion) -> graph.Graph | None:
    """The graph; None of a version without one: no ONNX, rejected, or inspected before graphs were kept."""
    row = VersionGraph.objects.filter(version=version).first()
    return msgspec.json.decode(zlib.decompress(row.content), type=graph.Graph) if row else None
