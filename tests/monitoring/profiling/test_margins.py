"""Margins: what held, and what is recommended."""

import pytest

from monitoring.profiling import margins
from monitoring.profiling.margins import MIB


@pytest.mark.parametrize(("smallest", "recommended"), [(1, 1), (2, 3), (3, 5), (4, 6), (5, 8), (7, 10), (10, 15)])
def test_replicas_get_a_margin_whose_half_is_less_than_what_held(smallest, recommended):
    assert margins.replicas_with_margin(smallest) == recommended
    assert recommended < 2 * smallest


@pytest.mark.parametrize(("smallest", "recommended"), [(0.1, 0.15), (0.25, 0.4), (0.5, 0.75)])
def test_a_share_of_a_core_gets_one_too(smallest, recommended):
    assert margins.share_with_margin(smallest) == recommended


def test_memory_has_a_quarter_or_64_mb_to_spare():
    assert margins.memory_limit(100 * MIB) == 164 * MIB
    assert margins.memory_limit(1000 * MIB) == 1250 * MIB


def test_memory_that_grows_is_told_and_a_warm_up_is_not():
    warm = [(second, min(second, 60) * MIB + 100 * MIB) for second in range(600)]
    leak = [(second, 100 * MIB + second * MIB / 100) for second in range(600)]
    assert not margins.grows(warm)
    assert margins.grows(leak)
    assert margins.memory_growth(leak) == pytest.approx(36 * MIB, rel=0.01)
    assert not margins.grows(leak[:200])
    assert not margins.grows([])
