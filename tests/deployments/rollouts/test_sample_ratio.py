import pytest

from deployments.rollouts.sample_ratio import sample_ratio


@pytest.mark.parametrize(
    ("users", "shares", "expected"),
    [
        ((5000, 5000), (0.5, 0.5), -1.199175),
        ((5200, 4800), (0.5, 0.5), 6.075818),
        ((5400, 4600), (0.5, 0.5), 27.920085),
        ((9000, 1000), (0.9, 0.1), -1.199714),
        ((9150, 850), (0.9, 0.1), 10.723448),
        ((0, 0), (0.5, 0.5), 0),
    ],
)
def test_evidence_against_the_shares(users: tuple[int, int], shares: tuple[float, float], expected: float) -> None:
    assert sample_ratio(users, shares) == pytest.approx(expected, abs=1e-5)
