"""`slipway service scale`: what people type."""

import pytest


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        (["--replicas", "4"], {"replicas": 4}),
        (
            ["--min", "0", "--max", "10", "--sleep-after", "600"],
            {"min_replicas": 0, "max_replicas": 10, "idle_seconds": 600},
        ),
        (["--target-utilization", "50"], {"target_utilization": 50}),
        (["--reset"], {"reset": True}),
    ],
)
def test_figures_are_sent_and_the_result_is_shown(slipway, deployed, typed, sent):
    answer = slipway("service", "scale", "iris", *typed, "--reason", "a busy week")
    assert answer.code == 0, answer.err
    assert deployed.services["iris"]["asked_of_scaling"] == {"reset": False, "reason": "a busy week"} | sent
    assert "2 to 6 replicas at 70 % (set above the revisions)" in answer.out
    assert "asleep" in answer.out


def test_figures_and_reset_exclude_each_other(slipway, deployed):
    answer = slipway("service", "scale", "iris", "--reset", "--replicas", "2")
    assert (answer.code, "not both" in answer.err) == (2, True)


def test_fixed_number_takes_the_place_of_scaling_by_load():
    from slipway.commands.deploying import changed

    kept = {"cpu": 2, "min_replicas": 0, "max_replicas": 4, "idle_seconds": 60}
    assert changed(kept, {"replicas": 3}) == {"cpu": 2, "replicas": 3}
    assert changed({"cpu": 2, "replicas": 3}, {"max_replicas": 5}) == {"cpu": 2, "max_replicas": 5}
