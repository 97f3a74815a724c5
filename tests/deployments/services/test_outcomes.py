"""Outcomes are told later, by user or by the id of a request; users count, and only those of the present shares."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.errors import BadOutcomes, NotSplit
from deployments.models import Outcome, Participant, Service, Traffic
from deployments.services.outcomes import (
    Told,
    VerdictRequest,
    describe_verdict,
    forget_old_outcomes,
    record_arrivals,
    record_outcomes,
)
from deployments.services.traffic import TrafficRequest, change_traffic
from deployments.traffic.front_config import seed_of
from scoring.front_contract import Arrivals, user_id
from tests.deployments.service_factories import deploy

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def fresh(service) -> Service:
    return Service.objects.select_related("workspace", "target").get(pk=service.pk)


@pytest.fixture
def split(workspace, bob, iris, fake, service):
    """Revisions 1 and 2 share the requests of users by halves, for three days now."""
    fake.visit(service, 5)
    deploy(workspace, bob, iris, overwrite=True, target=fake.target, traffic=0)
    fake.visit(service, 5)
    change_traffic(
        fresh(service), bob, TrafficRequest(percents={1: 50, 2: 50}, mirrors={}, sticky={"header": "x-user"})
    )
    Traffic.objects.update(since=timezone.now() - 3 * DAY)
    return fresh(service)


def user(service, name) -> str:
    return user_id(seed_of(service), name.encode())


def came(service, counts, ago=2 * DAY):
    """So many users came to each revision: `r<revision>-<number>`."""
    for revision, count in counts.items():
        users = [user(service, f"r{revision}-{number}") for number in range(count)]
        record_arrivals([Arrivals(service=service.pk, revision=revision, users=users)])
    Participant.objects.update(first_at=timezone.now() - ago)


def tell(service, counts, ago=2 * DAY - HOUR, value=1.0):
    """The first users of each revision have an outcome."""
    for revision, count in counts.items():
        told = [Told(user=f"r{revision}-{n}", value=value, time=timezone.now() - ago) for n in range(count)]
        for first in range(0, count, 1000):
            record_outcomes(service, told[first : first + 1000])


def test_better_revision_is_named_by_the_outcomes_of_its_users(split):
    came(split, {1: 1500, 2: 1500})
    tell(split, {1: 150, 2: 330})

    found = describe_verdict(split, VerdictRequest(matters=0.05))

    assert (found["verdict"], found["difference"]) == ("better", pytest.approx(0.12))
    assert found["control"] == {"revision": 1, "users": 1500, "events": 150, "mean": pytest.approx(0.1)}
    assert found["candidate"] == {"revision": 2, "users": 1500, "events": 330, "mean": pytest.approx(0.22)}
    assert (found["moved_users"], found["unknown_outcomes"], found["expected_share"]) == (0, 0, 0.5)


def test_users_who_came_in_other_shares_give_no_verdict(split):
    came(split, {1: 1500, 2: 1000})
    tell(split, {1: 150, 2: 330})

    assert describe_verdict(split, VerdictRequest())["verdict"] == "split_wrong"


def test_users_count_once_the_wait_is_over_and_outcomes_within_it(split):
    came(split, {1: 10, 2: 10})
    tell(split, {1: 4}, ago=2 * DAY - HOUR)
    tell(split, {2: 4}, ago=HOUR)

    found = describe_verdict(split, VerdictRequest(wait=DAY))
    later = describe_verdict(split, VerdictRequest(wait=3 * DAY))

    assert (found["control"]["events"], found["candidate"]["events"]) == (4, 0)
    assert later["control"]["users"] == later["candidate"]["users"] == 0


def test_change_of_shares_begins_anew(split, bob):
    came(split, {1: 10, 2: 10})
    change_traffic(split, bob, TrafficRequest(percents={1: 40, 2: 60}, mirrors={}))
    assert describe_verdict(fresh(split), VerdictRequest())["candidate"]["users"] == 0

    Traffic.objects.update(since=timezone.now() - HOUR)
    record_arrivals([Arrivals(service=split.pk, revision=2, users=[user(split, "r2-1")])])

    assert Participant.objects.filter(first_at__gte=timezone.now() - HOUR).count() == 1
    assert Participant.objects.count() == 20


def test_copies_and_another_label_do_not_begin_anew(split, bob):
    before = set(Traffic.objects.values_list("revision", "since"))
    change_traffic(split, bob, TrafficRequest(percents={1: 50, 2: 50}, mirrors={2: 10}))

    assert set(Traffic.objects.values_list("revision", "since")) == before


def test_who_came_to_both_and_outcomes_of_nobody_are_told_and_do_not_count(split):
    came(split, {1: 10, 2: 10})
    record_arrivals([Arrivals(service=split.pk, revision=1, users=[user(split, "r2-0")])])
    tell(split, {2: 1})
    record_outcomes(split, [Told(user="stranger", value=1)])

    found = describe_verdict(split, VerdictRequest())

    assert (found["moved_users"], found["unknown_outcomes"], found["candidate"]["users"]) == (1, 1, 9)
    assert found["candidate"]["events"] == 0


def test_outcome_is_of_the_user_whose_request_has_the_id(split):
    came(split, {2: 1})
    told = Told(request_id=f"{user(split, 'r2-0')}-00000000002a", value=1, name="bought", time=timezone.now())

    first, again = (record_outcomes(split, [told]) for _ in range(2))

    assert first == again == {"accepted": 1, "unknown": 0}
    assert [(one.user, one.name, one.value) for one in Outcome.objects.all()] == [(user(split, "r2-0"), "bought", 1)]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "must name its user"),
        ({"user": "ann", "request_id": "b"}, "must name its user"),
        ({"request_id": "d3b07384-d113-4ec6"}, "is no id that the front gave"),
        ({"user": "ann", "value": float("nan")}, "impossible value"),
        ({"user": "ann", "name": "a b"}, "impossible value, name"),
        ({"user": "ann", "time": timezone.now() + HOUR}, "or time"),
        ({"user": "ann", "time": timezone.now() - 200 * DAY}, "or time"),
    ],
)
def test_impossible_outcomes_are_refused_and_none_of_them_kept(split, wrong, message):
    with pytest.raises(BadOutcomes, match=message):
        record_outcomes(split, [Told(user="ann", value=1), Told(**{"value": 1} | wrong)])
    assert not Outcome.objects.exists()


def test_too_many_or_no_outcomes_at_once_are_refused(split):
    for count in (0, 1001):
        with pytest.raises(BadOutcomes, match="1 to 1000"):
            record_outcomes(split, [Told(user="ann", value=1)] * count)


def test_service_whose_users_do_not_stick_or_that_one_revision_answers_has_no_verdict(split, bob):
    change_traffic(split, bob, TrafficRequest(percents={1: 100, 2: 0}, mirrors={}))
    with pytest.raises(NotSplit, match="must both have a share"):
        describe_verdict(fresh(split), VerdictRequest())
    with pytest.raises(NotSplit, match="revision 7 must both"):
        describe_verdict(fresh(split), VerdictRequest(revision=7))

    change_traffic(fresh(split), bob, TrafficRequest(percents={1: 50, 2: 50}, mirrors={}, sticky={}))
    with pytest.raises(NotSplit, match="do not stick"):
        record_outcomes(fresh(split), [Told(user="ann", value=1)])


def test_reports_of_services_that_are_gone_and_of_no_users_are_passed_over(split):
    record_arrivals(
        [
            Arrivals(service=split.pk + 1, revision=1, users=[user(split, "ann")]),
            Arrivals(service=split.pk, revision=1, users=["ann", "x" * 16, user(split, "ann"), user(split, "ann")]),
        ]
    )

    assert [one.user for one in Participant.objects.all()] == [user(split, "ann")]


def test_old_users_and_outcomes_are_forgotten(split):
    came(split, {1: 1}, ago=101 * DAY)
    tell(split, {1: 1})
    Outcome.objects.update(at=timezone.now() - 101 * DAY)

    forget_old_outcomes()

    assert not Outcome.objects.exists()
    assert not Participant.objects.exists()


PLACE = "/api/v1/workspaces/vision/services/iris"


def test_outcomes_and_verdict_over_rest(split, api, bob, carol):
    came(split, {1: 1500, 2: 1500})
    told = {"outcomes": [{"user": f"r2-{number}", "value": 1, "name": "bought"} for number in range(3)]}

    assert api(bob).post(f"{PLACE}/outcomes", told).json() == {"accepted": 3, "unknown": 0}
    assert api(carol).post(f"{PLACE}/outcomes", told).status_code == 403
    shown = api(carol).get(f"{PLACE}/verdict", {"name": "bought", "wait_seconds": 3600, "matters": 0.01}).json()
    assert (shown["verdict"], shown["name"], shown["control"]["users"]) == ("not_enough_data", "bought", 1500)
    assert api(carol).get(f"{PLACE}/verdict", {"wait": 5}).status_code == 400


def test_verdict_has_a_page(split, sign_in, carol):
    client, page = sign_in(carol), "/w/vision/services/iris/verdict/"
    assert "Nobody has told" in client.get(page).content.decode()

    came(split, {1: 1500, 2: 1500})
    tell(split, {1: 150, 2: 330})
    shown = client.get(page, {"matters": "0.05"}).content.decode()

    assert "Better" in shown
    assert "0.1200" in shown
    assert client.get(page, {"matters": "much"}).status_code == 200
    tab = client.get("/w/vision/services/iris/?tab=traffic").content.decode()
    assert f'hx-get="{page}"' in tab
