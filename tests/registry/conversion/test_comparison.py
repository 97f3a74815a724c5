"""How far answers lie apart."""

import numpy as np
import pytest

from registry.conversion.inside.comparison import Misfit, are_scores_of, compare, metric, with_decision

LABELS = np.array([0, 1, 2])
CHANCES = np.array([[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])


def test_equal_answers_do_not_differ():
    found = compare({"label": LABELS, "probabilities": CHANCES}, {"label": LABELS, "probabilities": CHANCES.copy()})
    assert (found.largest, found.changed, found.agreement, found.worst) == (0, 0, 1, [])


def test_other_labels_are_counted_and_named():
    found = compare({"label": LABELS}, {"label": np.array([0, 2, 2])})
    assert (found.changed, found.rows, found.worst) == (1, 3, [1])


def test_labels_are_compared_as_they_are_spelled():
    found = compare({"label": np.array(["a", "b"], object)}, {"label": np.array(["a", "b"])})
    assert found.changed == 0


def test_ties_are_no_other_decision():
    chances = np.array([[0.5, 0.5], [0.9, 0.1]])
    found = compare(
        {"label": np.array([0, 0]), "probabilities": chances}, {"label": np.array([1, 0]), "probabilities": chances}
    )
    assert found.changed == 0


def test_probabilities_differ_by_their_shift():
    moved = CHANCES.copy()
    moved[2, 2] -= 0.25
    assert compare({"probabilities": CHANCES}, {"probabilities": moved}).largest == pytest.approx(0.25)


def test_numbers_differ_by_a_share_of_their_range():
    found = compare({"prediction": np.array([0.0, 50.0, 100.0])}, {"prediction": np.array([0.0, 51.0, 100.0])})
    assert found.largest == pytest.approx(0.01)


def test_missing_numbers_are_equal_and_lost_ones_are_not():
    numbers = np.array([1.0, np.nan])
    assert compare({"prediction": numbers}, {"prediction": numbers}).largest == 0
    assert compare({"prediction": np.array([1.0, 2.0])}, {"prediction": numbers}).largest == np.inf


def test_a_column_is_a_vector():
    assert compare({"prediction": np.ones(3)}, {"prediction": np.ones((3, 1))}).largest == 0


@pytest.mark.parametrize("answers", [{"label": LABELS[:2]}, {"other": LABELS}, {"label": CHANCES}])
def test_answers_of_another_form_do_not_fit(answers):
    with pytest.raises(Misfit):
        compare({"label": LABELS}, answers)


def test_metric_is_accuracy_for_labels_and_error_for_numbers():
    assert metric({"label": LABELS}, np.array([0.0, 1.0, 1.0])) == ("accuracy", pytest.approx(2 / 3))
    assert metric({"prediction": np.array([1.0, 2.0])}, np.array([1.0, 4.0])) == ("rmse", pytest.approx(2**0.5))


def test_a_network_decides_by_its_largest_number():
    assert are_scores_of({"output_0": CHANCES}, np.array([0.0, 1.0, 2.0]))
    assert not are_scores_of({"output_0": CHANCES}, np.array([0.5, 1.0, 2.0]))
    assert with_decision({"output_0": CHANCES})["label"].tolist() == [0, 1, 2]
