"""Which operator of a model's graph lets the rows of a run change each other's results.

Runs on synthetic rows cannot show every case: a scale that is computed over the whole run, or a maximum over all rows
that is used where it is large, changes a result only beside certain other rows. Suspicion is enough, since a model
whose rows share no run is correct, only slower.
"""

from collections.abc import Iterable
from pathlib import Path

from scoring.onnx.graph import Graph, Node, Numbers, graphs_of

RANDOM = frozenset({"Bernoulli", "Multinomial", "Sampling"})  # and all Random…
DATA_DEPENDENT = frozenset({"Compress", "NonMaxSuppression", "NonZero", "Unique"})  # rows out are not rows in
LOSSES = frozenset({"NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"})  # of all rows together
CONDITIONAL = frozenset({"If", "Loop"})  # the condition is one for the whole run
# Along axis 0 they combine rows. Their axes where none are given; None: all.
BY_AXIS: dict[str, Numbers | None] = {
    **dict.fromkeys(("ArgMax", "ArgMin", "CumProd", "CumSum"), (0,)),
    **dict.fromkeys(("Hardmax", "LogSoftmax", "LpNormalization", "Softmax", "TopK"), (-1,)),
    **dict.fromkeys(("LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"), (-1,)),
    "MeanVarianceNormalization": (0, 2, 3),
}
AXES_INPUT = {"CumSum": 1, "CumProd": 1}  # index of the input with the axis; 1 in Reduce…, too
SHAPE_ONLY = ("Shape", "Size")  # their results depend on no value


def batch_dependent_operator(path: Path) -> str | None:
    """The first operator by which rows of one run may change each other's results; None where there is none.

    "an operator that cannot be read" where the file cannot be parsed.
    """
    try:
        main, *functions = graphs_of(path)
    except (OSError, ValueError):
        return "an operator that cannot be read"
    found = _first_dependent(main, set(main.inputs) - set(main.constants), {})
    for function in functions:
        found = found or _first_dependent(function, set(function.inputs), {})
    return found


def _first_dependent(graph: Graph, rows: set[str], known: dict[str, Numbers | None]) -> str | None:
    """`rows`: names of values that depend on the inputs; `known`: numbers of constants of the enclosing graphs."""
    rows, known = set(rows), known | graph.constants
    for node in graph.nodes:
        reads_rows = not rows.isdisjoint(node.inputs)
        if _is_dependent(node, rows, known, reads_rows=reads_rows):
            return node.kind
        for inner in node.graphs:
            if found := _first_dependent(inner, rows | set(inner.inputs), known):
                return found
        if (reads_rows or _reads(node.graphs, rows)) and node.kind not in SHAPE_ONLY:
            rows.update(node.outputs)
        if node.kind == "Constant" and len(node.outputs) == 1:
            known[node.outputs[0]] = next(iter(node.numbers.values()), None)
    return None


def _is_dependent(node: Node, rows: set[str], known: dict[str, Numbers | None], *, reads_rows: bool) -> bool:
    kind = node.kind
    if kind in RANDOM or kind.startswith("Random"):
        return True
    if not reads_rows:
        return False
    if kind in CONDITIONAL:
        return not rows.isdisjoint(node.inputs[: 1 if kind == "If" else 2])
    return (
        kind.startswith("DynamicQuantize")
        or kind in DATA_DEPENDENT
        or kind in LOSSES
        or node.numbers.get("training_mode", (0,)) != (0,)
        or _works_along_rows(node, known)
    )


def _works_along_rows(node: Node, known: dict[str, Numbers | None]) -> bool:
    """Whether it works along its first axis."""
    reduces = node.kind.startswith("Reduce")
    if not reduces and node.kind not in BY_AXIS:
        return False
    axes = _axes(node, known)
    if axes is not None:
        return 0 in axes
    if reduces:
        return node.numbers.get("noop_with_empty_axes", (0,)) == (0,)
    return 0 in (BY_AXIS[node.kind] or (0,))


def _axes(node: Node, known: dict[str, Numbers | None]) -> Numbers | None:
    """The axes that an operator is given; computed ones count as 0, since they may be. None: none are given."""
    place = 1 if node.kind.startswith("Reduce") else AXES_INPUT.get(node.kind)
    if place is not None and len(node.inputs) > place and node.inputs[place]:
        return known.get(node.inputs[place]) or (0,)
    return node.numbers.get("axes") or node.numbers.get("axis")


def _reads(graphs: Iterable[Graph], names: set[str]) -> bool:
    """Whether one of these subgraphs reads one of these values."""
    return any(
        not names.isdisjoint(node.inputs) or _reads(node.graphs, names) for graph in graphs for node in graph.nodes
    )
