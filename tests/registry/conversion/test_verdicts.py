"""The gates: what is recommended, and the reasons of what is not."""

import pytest

from registry.conversion.inside.verdicts import Gates, Measured, judge

LIKE = "rows of yours"


def measured(name="onnx", **facts):
    return Measured(name, **{"one": 8.0, "many": 2.0, "noise": 0.02, "groups": [(LIKE, 1e-7, 0, 400)]} | facts)


def verdict(**facts):
    one = measured(**facts)
    return judge([one], Gates())[one.name]


def test_fastest_with_the_same_answers_is_recommended():
    found = judge([measured("a", one=3.0), measured("b", one=9.0)], Gates())
    assert {name: one.word for name, one in found.items()} == {"a": "works", "b": "recommended"}


def test_of_equally_fast_ones_the_first_is_recommended():
    found = judge([measured("a", one=8.0), measured("b", one=8.2)], Gates())
    assert found["a"].word == "recommended"


@pytest.mark.parametrize(
    ("facts", "word", "reason"),
    [
        ({"one": 28.0, "many": 0.36}, "slower", "2.8 times slower for 1,000 rows"),
        ({"one": 0.06, "many": 1.2}, "slower", "16.7 times slower for one row"),
        ({"one": 1.02, "many": 1.03}, "slower", "no faster"),
        ({"groups": [(LIKE, 0.3, 0, 400)]}, "refused", "move by up to 0.3"),
        ({"groups": [(LIKE, float("nan"), 0, 400)]}, "refused", "move by up to nan"),
        ({"groups": [(LIKE, 1e-7, 41, 400)]}, "refused", "41 of 400 rows of yours are decided otherwise"),
        ({"metric_loss": 0.02}, "refused", "worse by 0.02"),
        ({"failure": "It crashed."}, "failed", "It crashed."),
        ({"not_tried": "No rows."}, "not tried", "No rows."),
    ],
)
def test_a_variant_that_fails_a_gate_is_never_recommended(facts, word, reason):
    found = verdict(**facts)
    assert found.word == word
    assert reason in found.reason


def test_fewer_bits_may_move_answers_a_little():
    groups = [(LIKE, 0.004, 0, 400)]
    assert verdict(groups=groups).word == "refused"
    assert verdict(groups=groups, reduced=True).word == "recommended"


def test_a_tolerance_of_a_person_counts_for_all():
    one = measured(reduced=True, groups=[(LIKE, 0.004, 0, 400)])
    assert judge([one], Gates(tolerance=0.001))["onnx"].word == "refused"


def test_noise_of_the_machine_recommends_nothing():
    assert verdict(one=1.08, many=1.09, noise=0.4).word == "slower"
    assert verdict(one=30.0, many=0.85, noise=0.4).word == "slower"
