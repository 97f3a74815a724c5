"""Graphs to draw: `chain_of("Conv", "Relu")`, and others of any wiring by `graph_of`."""

from registry.inspection.graph import Graph, Node, Tensor


def graph_of(*nodes: tuple[str, str, str], given: str = "x", taken: str = "y") -> Graph:
    """`graph_of(("Relu", "x", "y"))`: operators with the names of what they take and give, between spaces."""
    names: dict[str, int] = {}

    def place(name: str) -> int:
        return names.setdefault(name, len(names))

    inputs = [place(name) for name in given.split()]
    made = [
        Node(
            op,
            name=f"{op.lower()}_{index}",
            inputs=[place(one) for one in takes.split()],
            outputs=[place(one) for one in gives.split()],
        )
        for index, (op, takes, gives) in enumerate(nodes)
    ]
    outputs = [place(name) for name in taken.split()]
    tensors = [Tensor(name, "FP32", ["batch", 4]) for name in names]
    return Graph(made, tensors, inputs, outputs, total=len(made))


def chain_of(*operators: str) -> Graph:
    """Each takes what the one before it gives."""
    between = ["x", *(f"t{index}" for index in range(1, len(operators))), "y"]
    return graph_of(*zip(operators, between, between[1:], strict=False))


def ladder_of(count: int) -> Graph:
    """`count` nodes in steps of four: two branches that meet again."""
    nodes, last = [], "x"
    for step in range(count // 4):
        a, b, c, end = f"a{step}", f"b{step}", f"c{step}", f"e{step}"
        nodes += [("Conv", last, a), ("Relu", a, b), ("Sigmoid", a, c), ("Add", f"{b} {c}", end)]
        last = end
    return graph_of(*nodes, taken=last)
