"""Known values of the e-values, and that none of them wins in the mean while its claim is true."""

import math

import pytest

from deployments.rollouts.evidence import (
    Counts,
    Values,
    against_agreement,
    against_difference,
    against_ratio,
    against_worse_difference,
    against_worse_ratio,
    for_agreement,
    log_mean_exp,
    spread,
)


@pytest.mark.parametrize(
    ("counts", "ratio", "expected"),
    [
        ((0, 100, 0, 1900), 1.25, 0),
        ((5, 100, 10, 1900), 1.25, 3.752667),
        ((50, 1000, 95, 19000), 1.25, 48.710409),
        ((50, 1000, 950, 19000), 1.25, -4.292218),
        ((3, 10, 0, 190), 1, 5.728082),
        ((60, 1000, 50, 1000), 1, -0.929214),
        ((0, 0, 50, 1000), 1, 0),
    ],
)
def test_evidence_against_a_ratio(counts: tuple[int, int, int, int], ratio: float, expected: float) -> None:
    assert log_mean_exp(against_ratio(Counts(*counts), ratio)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("counts", "difference", "expected"),
    [
        ((0, 100, 0, 1900), 0.002, -0.540174),
        ((5, 100, 10, 1900), 0.002, 3.464514),
        ((50, 1000, 95, 19000), 0.002, 48.499036),
        ((50, 1000, 950, 19000), 0.002, -2.843386),
        ((60, 1000, 50, 1000), 0, -1.797386),
        ((3, 10, 0, 190), 0.002, 6.595750),
        ((5, 100, 0, 0), 0.002, 0),
    ],
)
def test_evidence_against_a_difference(counts: tuple[int, int, int, int], difference: float, expected: float) -> None:
    assert log_mean_exp(against_difference(Counts(*counts), difference)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((0, 500, 0, 9500), 3.710517),
        ((3, 600, 50, 11400), 1.626518),
        ((9, 600, 50, 11400), -1.265615),
        ((0, 0, 5, 100), 0),
    ],
)
def test_evidence_that_a_revision_is_not_worse(counts: tuple[int, int, int, int], expected: float) -> None:
    assert log_mean_exp(against_worse_difference(Counts(*counts), 0.01)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("disagreed", "compared", "limit", "expected"),
    [
        (0, 0, 0.005, 0),
        (0, 753, 0.005, 2.992257),
        (0, 754, 0.005, 2.996644),
        (1, 1343, 0.005, 2.997126),
        (5, 1000, 0.005, -1.386886),
        (10, 4453, 0.005, 2.997080),
        (0, 3778, 0.001, 2.996415),
    ],
)
def test_evidence_for_agreement(disagreed: int, compared: int, limit: float, expected: float) -> None:
    assert for_agreement(disagreed, compared, limit) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([(5, 100, 95, 1900)] * 4, 1),
        ([(20, 100, 95, 1900), (0, 100, 95, 1900)] * 3, 6.574705),
        ([(2, 100, 40, 1900), (8, 100, 150, 1900), (5, 100, 95, 1900)], 1),
        ([], 1),
    ],
)
def test_spread_of_blocks(blocks: list[tuple[int, int, int, int]], expected: float) -> None:
    assert spread([Counts(*block) for block in blocks]) == pytest.approx(expected, abs=1e-5)


N1, N0 = 20, 60


def _chance(bad: int, total: int, rate: float) -> float:
    return math.comb(total, bad) * rate**bad * (1 - rate) ** (total - bad)


@pytest.mark.parametrize("rate", [0.001, 0.02, 0.2, 0.4])
@pytest.mark.parametrize(
    ("candidate_rate", "evidence"),
    [
        (lambda rate: 1.25 * rate, lambda counts: against_ratio(counts, 1.25)),
        (lambda rate: rate + 0.02, lambda counts: against_difference(counts, 0.02)),
        (lambda rate: 2 * rate, lambda counts: against_worse_ratio(counts, 2)),
        (lambda rate: rate + 0.02, lambda counts: against_worse_difference(counts, 0.02)),
    ],
    ids=["ratio", "difference", "worse ratio", "worse difference"],
)
def test_no_bet_wins_in_the_mean_at_the_edge_of_its_claim(rate: float, candidate_rate, evidence) -> None:  # type: ignore[no-untyped-def]
    means = [0.0] * 8
    for bad in range(N1 + 1):
        for control_bad in range(N0 + 1):
            chance = _chance(bad, N1, candidate_rate(rate)) * _chance(control_bad, N0, rate)
            values: Values = evidence(Counts(bad, N1, control_bad, N0))
            means = [mean + chance * math.exp(value) for mean, value in zip(means, values, strict=True)]

    assert max(means) <= 1 + 1e-9


def test_no_bet_against_agreement_wins_in_the_mean() -> None:
    for limit in (0.005, 0.05):
        means = [0.0] * 8
        for x in range(101):
            values = against_agreement(x, 100, limit)
            means = [mean + _chance(x, 100, limit) * math.exp(v) for mean, v in zip(means, values, strict=True)]
        assert max(means) <= 1 + 1e-9
