"""Rollouts of services: they move the traffic as windows tell, and give it back; one operation at a time."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.errors import BadRollout, ChangedMeanwhile, NoRollout, OperationUnderWay
from deployments.models import Instance, Rollout, Service
from deployments.rollouts import judge, readings
from deployments.rollouts.cells import Arm, Cell
from deployments.rollouts.guards import Guard
from deployments.rollouts.steps import Step
from deployments.services import lifecycle, rollouts, traffic
from deployments.services.rollback import rollback
from deployments.services.rollouts import RolloutRequest, describe_rollout
from deployments.traffic.shares import ALL, Share, shares_of
from monitoring.models import FrontWindow
from studio.core.errors import NotFound
from tests.deployments.service_factories import actions, deploy

STEPS = (Step(25, 60), Step(100, 60))
ERRORS = (Guard(kind="errors"),)
GOOD, BAD, NOTHING = Arm(500, 2), Arm(500, 25), Arm()


@dataclass
class Requests:
    """What both revisions answer in each cell from now on, and the questions that were asked."""

    candidate: Arm = GOOD
    control: Arm = field(default_factory=lambda: Arm(1500, 6))
    asked: list[readings.Question] = field(default_factory=list)

    def __call__(self, question: readings.Question) -> list[Cell]:
        self.asked.append(question)
        return [Cell(number, self.candidate, self.control) for number in range(question.first, question.last + 1)]


@pytest.fixture
def requests():
    before = list(readings._readers)
    made = Requests()
    readings.register(made)
    yield made
    readings._readers[:] = before


@pytest.fixture
def both(workspace, bob, iris, fake, service):
    """Revision 1 answers; revision 2 runs beside it with 0 %."""
    fake.visit(service, 5)
    deploy(workspace, bob, iris, overwrite=True, target=fake.target, traffic=0)
    return fake.visit(service, 5)


def fresh(service) -> Service:
    return Service.objects.select_related("workspace", "target").get(pk=service.pk)


def begin(service, actor, **more) -> Rollout:
    wanted = {"revision": 2, "steps": STEPS, "guards": ERRORS, "warm_requests": 0} | more
    return rollouts.start(fresh(service), actor, RolloutRequest(**wanted))


def judged(fake, service, cells: int) -> dict:
    """How the rollout stands after so many cells, judged one by one."""
    for _ in range(cells):
        fake.wait(5)
        judge.judge_all()
        fake.visit(service, every=0)
    return describe_rollout(fresh(service))


def test_good_revision_gets_all_requests_step_by_step(fake, bob, both, requests):
    begin(both, bob, reason="faster")
    first = judged(fake, both, 1)
    assert (first["phase"], first["percent"], shares_of(both)) == ("judging", 25, {1: Share(75), 2: Share(25)})

    second = judged(fake, both, 12)
    assert (second["step"], second["percent"]) == (2, 95)

    last = judged(fake, both, 12)
    fake.visit(both, 8)
    assert (last["phase"], last["percent"], shares_of(both)) == ("done", 100, {2: ALL})
    assert (both.default_revision, both.wanted_revision, both.phase) == (2, 2, "Healthy")
    assert set(Instance.objects.filter(desired="running").values_list("revision__number", flat=True)) == {2}
    told = [one for one in actions(both) if one.startswith("rollout")]
    assert told == ["rollout_started", "rollout_advanced", "rollout_advanced", "rollout_completed"]


def test_bad_revision_goes_back_and_the_limit_is_named(fake, bob, both, requests):
    begin(both, bob)
    judged(fake, both, 1)
    requests.candidate = BAD

    ended = judged(fake, both, 4)

    assert (ended["phase"], ended["percent"], shares_of(both)) == ("rolled_back", 0, {1: ALL})
    assert ended["why"].startswith("errors: ")
    assert "limit 0.6 %" in ended["why"]
    assert ended["guards"][0]["name"] == "errors"
    assert actions(both)[-2:] == ["rollout_rolled_back", "traffic_changed"]


def test_it_is_judged_by_the_windows_that_fronts_and_replicas_send(fake, bob, both):
    begin(both, bob)
    judged(fake, both, 1)
    for number in range(1, 7):
        for revision, codes in ((1, {"200": 1490, "500": 10}), (2, {"200": 450, "502": 50})):
            FrontWindow.objects.create(
                service=both,
                revision=revision,
                replica="front-main",
                sequence=number,
                start=timezone.now() + timedelta(seconds=5 * number),
                seconds=5,
                counters={"codes": codes},
            )

    ended = judged(fake, both, 9)

    assert (ended["phase"], shares_of(both)) == ("rolled_back", {1: ALL})
    assert ended["why"].startswith("errors: 10 % in ")


def test_shadow_step_is_judged_by_copies_before_callers_get_answers(fake, bob, both):
    steps = (Step(0, 60, mirror_percent=20), Step(50, 60))
    begin(both, bob, steps=steps, guards=(Guard(kind="agreement", difference=0.01),))
    judged(fake, both, 1)
    assert shares_of(both) == {1: ALL, 2: Share(0, 20)}
    facts = {"service": both, "replica": "front-main", "seconds": 5}
    for number in range(1, 7):
        start = timezone.now() + timedelta(seconds=5 * number)
        windows = [(1, {"codes": {"200": 500}}), (2, {"copies": {"agreed": 80, "disagreed": 20}})]
        for revision, counters in windows:
            FrontWindow.objects.create(revision=revision, sequence=number, start=start, counters=counters, **facts)

    ended = judged(fake, both, 9)

    assert (ended["phase"], shares_of(both)) == ("rolled_back", {1: ALL})
    assert ended["why"].startswith("disagreement: 20 % in ")


def test_copies_begin_and_end_with_their_step(fake, bob, both, requests):
    begin(both, bob, steps=(Step(0, 5, mirror_percent=20), Step(0, 5, mirror_percent=40), Step(50, 60)))
    seen = [(judged(fake, both, 1)["step"], shares_of(both)[2]) for _ in range(12)]

    assert list(dict.fromkeys(seen)) == [(1, Share(0, 20)), (2, Share(0, 40)), (3, Share(50))]


def test_each_cell_is_judged_once_whatever_the_ticks(fake, bob, both, requests):
    begin(both, bob)
    judged(fake, both, 3)
    for _ in range(3):
        judge.judge_all()
    judged(fake, both, 3)
    asked = [number for one in requests.asked[1:] for number in range(one.first, one.last + 1)]

    assert asked == sorted(set(asked))
    assert describe_rollout(both)["requests"] == 500 * len(asked)


def test_two_ticks_at_once_count_what_they_see_once(fake, bob, both, requests):
    begin(both, bob)
    judged(fake, both, 2)
    fake.wait(5)
    stale = Rollout.objects.select_related("service").get()
    judge.judge_all()
    before = describe_rollout(both)["requests"]

    with pytest.raises(ChangedMeanwhile):
        judge._go_on(stale, judge.state_of(stale))
    assert describe_rollout(both)["requests"] == before


def test_it_waits_until_the_revision_is_ready(workspace, fake, bob, iris, service, requests):
    fake.visit(service, 5)
    fake.world.behaving[2] = "slow"
    deploy(workspace, bob, iris, overwrite=True, target=fake.target, traffic=0)
    begin(service, bob)

    assert judged(fake, service, 1)["phase"] == "waiting"
    assert describe_rollout(service)["why"] == "Revision 2 is starting."
    assert shares_of(service) == {1: ALL, 2: Share(0)}
    with pytest.raises(BadRollout, match="revision 2 is not ready yet"):
        rollouts.advance(fresh(service), bob)


def test_revision_that_does_not_get_ready_within_a_day_ends_it(workspace, fake, bob, iris, service, requests):
    fake.visit(service, 5)
    deploy(workspace, bob, iris, overwrite=True, target=fake.target, traffic=0, built=False)
    begin(service, bob)
    fake.wait(86_390)
    assert judged(fake, service, 1)["phase"] == "waiting"

    ended = judged(fake, service, 2)

    assert (ended["phase"], ended["why"]) == ("rolled_back", "revision 2 was not ready within a day")
    assert shares_of(service) == {1: ALL}


def test_rollout_that_nobody_decides_about_ends_after_a_week(fake, bob, both, requests):
    begin(both, bob)
    judged(fake, both, 1)
    rollouts.pause(fresh(both), bob)
    fake.wait(7 * 86_400)
    assert judged(fake, both, 1)["phase"] == "judging"
    fake.wait(86_400 + 360)

    assert judged(fake, both, 1)["phase"] == "rolled_back"
    assert shares_of(both) == {1: ALL}


def test_revision_that_fails_to_start_ends_it(workspace, fake, bob, iris, service, requests):
    fake.visit(service, 5)
    fake.world.behaving[2] = "failing"
    deploy(workspace, bob, iris, overwrite=True, target=fake.target, traffic=0)
    begin(service, bob)
    fake.visit(service, 12)

    ended = judged(fake, service, 1)

    assert ended["phase"] == "rolled_back"
    assert ended["why"].startswith("revision 2 has failed: ")
    assert shares_of(service) == {1: ALL}


def test_step_without_enough_requests_is_held_until_somebody_decides(fake, bob, both, requests):
    begin(both, bob)
    requests.candidate = Arm(1)
    held = judged(fake, both, 40)
    assert (held["phase"], held["percent"]) == ("held", 25)
    assert held["why"].startswith("Not enough data yet: ")
    assert actions(both).count("rollout_suspended") == 1

    rollouts.resume(fresh(both), bob)
    assert describe_rollout(both)["phase"] == "judging"
    rollouts.advance(fresh(both), bob)
    assert shares_of(both) == {1: Share(5), 2: Share(95)}
    rollouts.advance(fresh(both), bob)
    assert (describe_rollout(both)["phase"], shares_of(both)) == ("done", {2: ALL})


def test_paused_rollout_stays_and_still_goes_back(fake, bob, both, requests):
    begin(both, bob)
    judged(fake, both, 1)
    rollouts.pause(fresh(both), bob)
    assert judged(fake, both, 30)["step"] == 1

    rollouts.resume(fresh(both), bob)
    assert judged(fake, both, 13)["step"] == 2
    rollouts.pause(fresh(both), bob)
    requests.candidate = Arm(500, 200)
    assert judged(fake, both, 12)["phase"] == "rolled_back"


def test_paused_and_held_rollout_is_resumed_once(fake, bob, both, requests):
    begin(both, bob)
    requests.candidate = Arm(1)
    judged(fake, both, 40)
    rollouts.pause(fresh(both), bob)
    rollouts.resume(fresh(both), bob)
    rollouts.resume(fresh(both), bob)

    assert (describe_rollout(both)["phase"], describe_rollout(both)["paused"]) == ("judging", False)
    assert actions(both).count("rollout_resumed") == 1


@pytest.mark.parametrize("way", [rollouts.abort, rollback], ids=["abort", "one-click rollback"])
def test_aborted_rollout_gives_everything_back_at_once(way, fake, bob, both, requests):
    begin(both, bob)
    judged(fake, both, 2)

    way(fresh(both), bob)

    assert shares_of(both) == {1: ALL}
    assert describe_rollout(both)["phase"] == "aborted"
    fake.visit(both, 8)
    assert (both.default_revision, both.phase) == (1, "Healthy")


def test_rollback_to_a_revision_that_is_not_there_leaves_the_rollout(fake, bob, both, requests):
    begin(both, bob)
    judged(fake, both, 2)

    with pytest.raises(NotFound):
        rollback(fresh(both), bob, 99)

    assert describe_rollout(both)["phase"] not in {"aborted", "rolled_back"}


def test_nothing_else_may_be_done_to_the_service_meanwhile(workspace, fake, bob, iris, both, requests):
    begin(both, bob)
    judged(fake, both, 2)
    named = "the rollout to revision 2 is under way"

    with pytest.raises(OperationUnderWay, match=named):
        begin(both, bob)
    with pytest.raises(OperationUnderWay, match=named):
        traffic.promote(fresh(both), bob, 2)
    with pytest.raises(OperationUnderWay, match=named):
        deploy(workspace, bob, iris, overwrite=True, target=fake.target)


def test_stopped_service_ends_its_rollout(fake, bob, both, requests):
    begin(both, bob)
    judged(fake, both, 2)
    lifecycle.stop(fresh(both), bob)

    ended = judged(fake, both, 1)

    assert (ended["phase"], ended["why"]) == ("aborted", "the service was stopped")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"revision": 1}, "Revision 1 gets the requests already"),
        ({"steps": ()}, "1 to 20 steps"),
        ({"steps": (Step(25, 60), Step(25, 60))}, "must rise"),
        ({"steps": (Step(101, 60),)}, "must rise"),
        ({"steps": (Step(50, -1),)}, "A bake lasts"),
        ({"steps": (Step(0, 60), Step(50, 60))}, "must rise"),
        ({"steps": (Step(0, 60, mirror_percent=20),)}, "must rise"),
        ({"steps": (Step(5, 60), Step(0, 60, mirror_percent=20), Step(50, 60))}, "must rise"),
        ({"steps": (Step(5, 60, mirror_percent=101),)}, "Copies are of 0 to 100 %"),
        ({"guards": ()}, "needs a guard"),
        ({"guards": (Guard(kind="agreement"),)}, "agreement without copies"),
    ],
)
def test_impossible_rollouts_are_refused(wrong, message, bob, both):
    with pytest.raises(BadRollout, match=message):
        begin(both, bob, **wrong)
    assert shares_of(both) == {1: ALL, 2: Share(0)}


def test_rollout_compares_two_revisions_only(workspace, fake, bob, iris, both):
    deploy(workspace, bob, iris, overwrite=True, target=fake.target, traffic=10)

    with pytest.raises(BadRollout, match="Revision 3 has a share of the requests, too"):
        begin(both, bob)


def test_there_may_be_no_rollout(bob, both):
    with pytest.raises(NoRollout):
        describe_rollout(both)
    with pytest.raises(NoRollout):
        rollouts.abort(both, bob)


def test_people_are_told_before_that_there_are_not_enough_requests(bob, both):
    begin(both, bob)

    assert describe_rollout(both)["warning"].startswith("Nobody asks this service at the moment.")
    assert [step["expected_seconds"] for step in describe_rollout(both)["steps"]] == [None, None]
