"""Which operator of a model lets the rows of a run change each other's answers, told by the graph.

A run with made-up rows cannot show all of it: a scale that is taken of the whole run, or a maximum over all rows that
is used where it is large, changes an answer only beside certain other rows. Suspicion is enough for a verdict, since
a model that shares no run answers rightly, only slower.
"""

from collections.abc import Iterable
from pathlib import Path

from scoring.onnx.graph import Graph, Node, Numbers, graphs_of

RANDOM = frozenset({"Bernoulli", "Multinomial", "Sampling"})  # and all Random…
DATA_DEPENDENT = frozenset({"Compress", "NonMaxSuppression", "NonZero", "Unique"})  # their rows are whose?
LOSSES = frozenset({"NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"})  # of all rows together
TURNING = frozenset({"If", "Loop"})  # on a condition, which is one for the whole run
# Where their axis is 0 they put the rows in relation; the axis they have when none is told, None being all of them.
BY_AXIS: dict[str, Numbers | None] = {
    **dict.fromkeys(("ArgMax", "ArgMin", "CumProd", "CumSum"), (0,)),
    **dict.fromkeys(("Hardmax", "LogSoftmax", "LpNormalization", "Softmax", "TopK"), (-1,)),
    **dict.fromkeys(("LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"), (-1,)),
    "MeanVarianceNormalization": (0, 2, 3),
}
AXES_INPUT = {"CumSum": 1, "CumProd": 1}  # the place of the input that names the axis; 1 in Reduce…, too
UNKNOWN = ("Shape", "Size")  # what they give depends on no value


def batch_dependent_operator(path: Path) -> str | None:
    """The first operator by which rows of one run may change each other's answers; None where there is none.

    "an operator that cannot be read" where the file is beyond us.
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
    """`rows`: names of values that depend on what is asked; `known`: numbers of constants around the graph."""
    rows, known = set(rows), known | graph.constants
    for node in graph.nodes:
        touched = not rows.isdisjoint(node.inputs)
        if _is_dependent(node, rows, known, touched=touched):
            return node.kind
        for inner in node.graphs:
            if found := _first_dependent(inner, rows | set(inner.inputs), known):
                return found
        if (touched or _reads(node.graphs, rows)) and node.kind not in UNKNOWN:
            rows.update(node.outputs)
        if node.kind == "Constant" and len(node.outputs) == 1:
            known[node.outputs[0]] = next(iter(node.numbers.values()), None)
    return None


def _is_dependent(node: Node, rows: set[str], known: dict[str, Numbers | None], *, touched: bool) -> bool:
    kind = node.kind
    if kind in RANDOM or kind.startswith("Random"):
        return True
    if not touched:
        return False
    if kind in TURNING:
        return not rows.isdisjoint(node.inputs[: 1 if kind == "If" else 2])
    return (
        kind.startswith("DynamicQuantize")
        or kind in DATA_DEPENDENT
        or kind in LOSSES
        or node.numbers.get("training_mode", (0,)) != (0,)
        or _over_rows(node, known)
    )


def _over_rows(node: Node, known: dict[str, Numbers | None]) -> bool:
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
    """The axes that an operator names; those that are computed count as 0, since they may be. None: none are named."""
    place = 1 if node.kind.startswith("Reduce") else AXES_INPUT.get(node.kind)
    if place is not None and len(node.inputs) > place and node.inputs[place]:
        return known.get(node.inputs[place]) or (0,)
    return node.numbers.get("axes") or node.numbers.get("axis")


def _reads(graphs: Iterable[Graph], names: set[str]) -> bool:
    """Whether a graph inside reads one of these values."""
    return any(
        not names.isdisjoint(node.inputs) or _reads(node.graphs, names) for graph in graphs for node in graph.nodes
    )
