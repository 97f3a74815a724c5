"""The layered drawing: layers by the longest path, order by barycentres, centres with gaps."""

from itertools import pairwise

from registry.graphs.layout import BOX, GAP, lay_out, layers_of

DIAMOND = [(0, 1), (0, 2), (1, 3), (2, 3)]


def test_a_box_lies_below_the_lowest_that_leads_to_it():
    assert layers_of(5, [(0, 1), (1, 2), (2, 3), (0, 3), (3, 4)]) == [0, 1, 2, 3, 4]


def test_a_box_that_nothing_leads_to_lies_right_above_its_first_user():
    assert layers_of(4, [(0, 2), (2, 3), (1, 3)]) == [0, 1, 1, 2]


def test_a_diamond_is_symmetric():
    layout = lay_out([0, 1, 1, 2], DIAMOND)
    assert layout.xs == [180.0, 95.0, 265.0, 180.0]
    assert (layout.width, layout.depth) == (360.0, 3)


def test_arrows_that_would_cross_do_not():
    layout = lay_out([0, 0, 1, 1], [(0, 3), (1, 2)])
    assert (layout.xs[0] < layout.xs[1]) == (layout.xs[3] < layout.xs[2])


def test_neighbours_never_overlap():
    edges = [(0, place) for place in range(1, 30)] + [(place, 30) for place in range(1, 30)]
    layout = lay_out([0] + [1] * 29 + [2], edges)
    row = sorted(layout.xs[1:30])
    assert min(right - left for left, right in pairwise(row)) >= BOX + GAP
    assert abs(layout.xs[0] - sum(row) / 29) < 1


def test_a_long_arrow_goes_around_the_boxes_between():
    layout = lay_out([0, 1, 2], [(0, 1), (1, 2), (0, 2)])
    [(x, layer)] = layout.bends[0, 2]
    assert layer == 1
    assert abs(x - layout.xs[1]) > BOX / 2


def test_layers_that_are_missing_take_no_room():
    assert lay_out([3, 7], [(0, 1)]).layers == [0, 1]


def test_nothing_to_draw_has_no_size():
    assert lay_out([], []).depth == 0
