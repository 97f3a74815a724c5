"""What of a graph is drawn, and where."""

from registry.graphs.drawing import MOST_DRAWN, draw
from registry.graphs.units import units_of
from tests.registry.graphs.graphs import chain_of, graph_of, ladder_of


def drawn(graph, *, folded=False, opened=None, **options):
    return draw(graph, units_of(graph, folded=folded, opened=opened), **options)


def box_of(drawing, key):
    return next(box for box in drawing.boxes if box.key == key)


def test_small_graph_is_drawn_whole_from_the_top_down():
    drawing = drawn(chain_of("Conv", "Relu"))
    assert [(box.key, box.x, box.y, box.kind) for box in drawing.boxes] == [
        ("i0", 20.0, 20.0, "input"),
        ("0", 20.0, 104.0, "node"),
        ("1", 20.0, 188.0, "node"),
        ("o0", 20.0, 272.0, "output"),
    ]
    assert (drawing.width, drawing.height) == (190.0, 334.0)
    assert min(drawing.edges, key=len) == "M95 62 C95 83 95 83 95 104"
    assert (drawing.earlier, drawing.later) == (None, None)


def test_boxes_say_operator_and_shape_and_know_their_neighbours():
    box = box_of(drawn(chain_of("Conv", "Relu")), "0")
    assert (box.title, box.note, box.above, box.below) == ("Conv", "FP32 [batch, 4]", ["i0"], ["1"])


def test_a_chain_says_how_many_nodes_it_holds():
    box = box_of(drawn(chain_of("Conv", "Relu", "MaxPool", "Flatten"), folded=True), "0")
    assert (box.kind, box.whole) == ("chain", "Conv … Flatten, 4 nodes")


def test_of_5000_nodes_a_window_is_drawn():
    drawing = drawn(ladder_of(5000))
    assert len(drawing.boxes) == MOST_DRAWN
    assert (drawing.first, drawing.total, drawing.earlier, drawing.later) == (0, 5002, None, MOST_DRAWN)
    assert len(drawing.edges) < 2 * MOST_DRAWN


def test_the_window_goes_around_the_chosen_node():
    drawing = drawn(ladder_of(5000), current="2500")
    assert len(drawing.boxes) == MOST_DRAWN
    assert box_of(drawing, "2500").is_current
    assert drawing.first < 2500 < drawing.last


def test_windows_show_every_box_once():
    graph, seen, first = ladder_of(400), [], 0
    while first is not None:
        drawing = drawn(graph, first=first)
        seen += [box.key for box in drawing.boxes]
        first = drawing.later
    assert sorted(seen) == sorted([*map(str, range(400)), "i0", "o0"])


def test_a_window_beyond_the_end_shows_the_last_box():
    assert [box.key for box in drawn(chain_of("Conv"), first=10**8).boxes] == ["o0"]


def test_heat_follows_the_share_of_time_and_adds_up_in_a_chain():
    costs = {"conv_0": 0.04, "relu_1": 0.05, "maxpool_2": 0.11, "flatten_3": 0.8}
    graph = chain_of("Conv", "Relu", "MaxPool", "Flatten", "Neg")
    drawing = drawn(graph, costs=costs)
    assert [box.heat for box in drawing.boxes] == [None, 1, 2, 3, 4, None, None]
    assert box_of(drawing, "3").note == "80 % of the time"
    assert box_of(drawn(graph, folded=True, costs=costs), "0").heat == 4


def test_found_and_refused_nodes_are_marked_also_within_a_chain():
    box = box_of(drawn(chain_of("Conv", "Relu", "MaxPool", "Flatten"), folded=True, found={2}, refused={3}), "0")
    assert (box.is_found, box.is_refused) == (True, True)


def test_a_graph_of_one_wide_layer_stays_a_window():
    wide = graph_of(*[("Neg", "x", f"n{index}") for index in range(1000)], ("Sum", "n0 n999", "y"))
    assert len(drawn(wide).boxes) == MOST_DRAWN


def test_nothing_is_drawn_of_an_empty_graph():
    drawing = drawn(graph_of(given="", taken=""))
    assert (drawing.boxes, drawing.height) == ([], 0.0)
