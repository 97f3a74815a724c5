"""How a roll-out to devices goes on: pure, from reports to the next state."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from deployments.edge.rollout_steps import DeviceFacts, Rules, Standing, go_on, in_waves, published_now, release_for
from deployments.targets.edge.published import Published
from deployments.targets.edge.waves import BadWaves, Member, reached, read_waves

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
BAKE = timedelta(seconds=60)
RUNS_2 = {"running": 2, "wanted": 2, "state": "running"}
FAILED_2 = {"running": 1, "wanted": 2, "state": "failed", "problem": {"message": "It does not load."}}


def release(revision: int, asked: float = 1.0) -> Published:
    return Published(7, "iris", revision, 1, revision, asked, {"digests": []}, {"revision": revision})


def rules(waves: str = "label:canary, 50%, 100%", most_failures: int = 0) -> Rules:
    return Rules(read_waves(waves), BAKE, most_failures)


def device(number: int, report=None, *, online=True, labels=()) -> DeviceFacts:
    return DeviceFacts(Member(number, labels), f"device-{number}", online, report or {})


FOUR = [device(1, labels=["canary"]), device(2), device(3), device(4)]


def four(report, *numbers: int) -> list[DeviceFacts]:
    """All four; these have told so."""
    known = {one.member.number: one for one in FOUR}
    return [
        device(number, report if number in numbers else None, labels=one.member.labels) for number, one in known.items()
    ]


@pytest.fixture
def rolling():
    return published_now(Standing(stable=release(1)), release(2))


def test_new_release_goes_to_the_first_wave_alone(rolling):
    assert rolling.state == "rolling"
    assert [one.name for one in in_waves(rolling, rules(), FOUR)] == ["device-1"]
    assert release_for(rolling, rules(), FOUR, 1).revision == 2
    assert release_for(rolling, rules(), FOUR, 2).revision == 1


def test_wave_that_runs_it_for_the_bake_time_is_followed_by_the_next(rolling):
    healthy = go_on(rolling, rules(), four(RUNS_2, 1), NOW)
    assert (healthy.wave, healthy.healthy_since) == (0, NOW)
    assert go_on(healthy, rules(), four(RUNS_2, 1), NOW + BAKE / 2) == healthy

    after = go_on(healthy, rules(), four(RUNS_2, 1), NOW + BAKE)

    assert (after.wave, after.healthy_since) == (1, None)
    assert len(in_waves(after, rules(), FOUR)) == 2


def test_bake_time_begins_anew_when_a_device_stops_running_it(rolling):
    healthy = go_on(rolling, rules(), four(RUNS_2, 1), NOW)

    assert go_on(healthy, rules(), four(RUNS_2 | {"state": "starting"}, 1), NOW + BAKE).healthy_since is None


def test_failure_stops_the_rollout_and_names_the_device(rolling):
    stopped = go_on(rolling, rules(), four(FAILED_2, 1), NOW)

    assert stopped.state == "stopped"
    assert stopped.reason == "It does not run on device-1: It does not load."
    assert release_for(stopped, rules(), FOUR, 3).revision == 1
    assert go_on(stopped, rules(), four(RUNS_2, 1), NOW) == stopped


def test_allowed_failures_do_not_stop_it(rolling):
    two = [device(1, RUNS_2, labels=["canary"]), device(2, FAILED_2, labels=["canary"])]

    assert go_on(rolling, rules(most_failures=1), two, NOW).healthy_since == NOW


def test_failure_of_the_release_before_counts_for_nothing(rolling):
    assert go_on(rolling, rules(), four(FAILED_2 | {"wanted": 1}, 1), NOW).state == "rolling"


def test_offline_devices_do_not_hold_up_the_others(rolling):
    devices = [device(1, RUNS_2, labels=["canary"]), device(2, online=False, labels=["canary"])]
    healthy = go_on(rolling, rules(), devices, NOW)

    assert go_on(healthy, rules(), devices, NOW + BAKE).wave == 1


def test_wave_of_which_nobody_is_there_waits(rolling):
    assert go_on(rolling, rules(), [device(1, online=False, labels=["canary"])], NOW) == rolling


def test_last_wave_makes_it_the_stable_one(rolling):
    done = rolling
    for step in range(10):
        done = go_on(done, rules(), four(RUNS_2, 1, 2, 3, 4), NOW + step * BAKE)

    assert (done.state, done.stable.revision, done.next) == ("done", 2, None)


def test_stopped_release_is_tried_again_when_people_ask(rolling):
    stopped = go_on(rolling, rules(), four(FAILED_2, 1), NOW)

    assert published_now(stopped, release(2)).state == "stopped"
    assert published_now(stopped, release(2, asked=2.0)).state == "rolling"


def test_going_back_to_the_stable_release_ends_the_rollout(rolling):
    assert published_now(rolling, release(1)) == Standing(stable=release(1))


def test_new_keys_reach_all_devices_without_a_rollout():
    renewed = structs.replace(release(1), keys={"digests": ["d"]})

    assert published_now(Standing(stable=release(1)), renewed) == Standing(stable=renewed)


def test_waves_grow_and_shares_differ_by_service():
    members = [Member(number) for number in range(40)]
    waves = read_waves("10%, 50%")
    first, second, third = (reached(waves, count, members, "7") for count in (1, 2, 3))

    assert (len(first), len(second), len(third)) == (4, 20, 40)
    assert first < second < third
    assert reached(waves, 1, members, "8") != first


@pytest.mark.parametrize("text", ["0%", "101%", "half", "label:", "label:a b", "10"])
def test_waves_that_are_none_are_refused(text):
    with pytest.raises(BadWaves):
        read_waves(text)
