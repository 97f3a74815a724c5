"""`slipway service verdict`, and outcomes from Python."""

import httpx
import pytest

VERDICT = {
    "verdict": "better",
    "name": "bought",
    "difference": 0.12,
    "half_width": 0.043,
    "matters": 0.05,
    "users_needed": None,
    "control": {"revision": 1, "users": 1500, "events": 150, "mean": 0.1},
    "candidate": {"revision": 2, "users": 1500, "events": 330, "mean": 0.22},
    "days": 3.02,
    "days_needed": 1,
}


def test_verdict_is_said_in_words_with_both_revisions(slipway, deployed):
    deployed.faults.append(("GET", "/verdict", httpx.Response(200, json=VERDICT)))

    shown = slipway("service", "verdict", "iris", "--name", "bought", "--matters", "0.05", "--wait", "2d")

    assert shown.code == 0
    for line in ("revision 2: better", "+0.12 ± 0.043", "3.0, at least 1", "1\t1500\t150\t0.1", "2\t1500\t330\t0.22"):
        assert line in shown.out


def test_nothing_known_has_no_figures(slipway, deployed):
    nobody = {"users": 0, "events": 0, "mean": None}
    nothing = {"verdict": "not_enough_data", "difference": None, "half_width": None, "users_needed": 200}
    arms = {"control": {"revision": 1} | nobody, "candidate": {"revision": 2} | nobody}
    deployed.faults.append(("GET", "/verdict", httpx.Response(200, json=VERDICT | nothing | arms)))

    shown = slipway("service", "verdict", "iris")

    assert "not enough data yet" in shown.out
    assert "200 of each" in shown.out


@pytest.mark.parametrize("wait", ["soon", "5 weeks"])
def test_wait_that_is_no_duration_is_refused(slipway, deployed, wait):
    assert f"'{wait}' is no duration" in slipway("service", "verdict", "iris", "--wait", wait).err
