"""`/services/<name>/traffic` over REST."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.models import BuiltBundle, FrontStatus
from tests.deployments.service_factories import deploy

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/workspaces/vision/services/iris/traffic"


@pytest.fixture
def two(workspace, bob, iris, fake, service):
    """Revisions 1 and 2 of iris run, 2 with 0 %."""
    fake.visit(service, 5)
    deploy(workspace, bob, iris, overwrite=True, target=fake.target, traffic=0, label="blue")
    BuiltBundle.objects.create(place="one", content_hash=service.revisions.get(number=2).content_hash)
    return fake.visit(service, 5)


def put(client, *shares: tuple[int, float, float], **more):
    rows = [{"revision": number, "percent": percent, "mirror_percent": mirror} for number, percent, mirror in shares]
    return client.put(ADDRESS, {"revisions": rows} | more, format="json")


def shares_in(answer) -> dict[int, tuple[float, float]]:
    return {row["revision"]: (row["percent"], row["mirror_percent"]) for row in answer.json()["revisions"]}


def test_shares_copies_stickiness_and_hosts_are_put_and_read(api, bob, carol, two):
    answer = put(api(bob), (1, 90, 0), (2, 9.5, 0), sticky={"cookie": "user"}, hosts=["Iris.example.com"])
    assert answer.status_code == 200
    assert answer.json() == api(carol).get(ADDRESS).json()
    assert shares_in(answer) == {1: (90.5, 0), 2: (9.5, 0)}
    assert (answer.json()["default"], answer.json()["sticky"]) == (1, {"cookie": "user"})
    assert answer.json()["hosts"] == ["iris.example.com"]
    assert answer.json()["revisions"][1] == {
        "revision": 2,
        "label": "blue",
        "percent": 9.5,
        "mirror_percent": 0.0,
        "is_default": False,
        "state": "Healthy",
        "error": None,
        "shadow": None,
        "replicas": {"wanted": 1, "ready": 1, "ejected": 0},
    }


def test_replica_that_the_front_does_not_reach_is_told(api, carol, two):
    ejected = [str(two.instances.get(revision__number=2).pk), "9999"]
    before = timezone.now() - timedelta(minutes=1)
    FrontStatus.objects.create(name="a", started_at=timezone.now(), seen_at=timezone.now(), ejected=ejected)
    FrontStatus.objects.create(name="old", started_at=before, seen_at=before, ejected=ejected[:1])
    rows = api(carol).get(ADDRESS).json()["revisions"]
    assert [row["replicas"]["ejected"] for row in rows] == [0, 1]


def test_stickiness_alone_leaves_shares_and_copies(api, bob, two):
    put(api(bob), (1, 100, 0), (2, 0, 5))
    answer = api(bob).put(ADDRESS, {"sticky": {"header": "x-user"}}, format="json")
    assert (shares_in(answer), answer.json()["sticky"]) == ({1: (100, 0), 2: (0, 5)}, {"header": "x-user"})
    answer = api(bob).put(ADDRESS, {"hosts": ["iris.example.com"]}, format="json")
    assert (shares_in(answer), answer.json()["hosts"]) == ({1: (100, 0), 2: (0, 5)}, ["iris.example.com"])


def test_change_for_a_generation_that_has_passed_overwrites_nothing(api, bob, two):
    seen = api(bob).get(ADDRESS).json()["generation"]
    assert put(api(bob), (2, 25, 0), generation=seen).json()["generation"] > seen
    answer = put(api(bob), (2, 50, 0), generation=seen)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "traffic_changed")
    assert "now 1 = 75 %, 2 = 25 %; revisions by chance; host names: none" in answer.json()["errors"][0]["detail"]
    assert shares_in(api(bob).get(ADDRESS)) == {1: (75, 0), 2: (25, 0)}


def test_promote_abort_and_take_out(api, bob, two):
    client = api(bob)
    assert shares_in(put(client, (2, 20, 0))) == {1: (80, 0), 2: (20, 0)}
    assert shares_in(client.delete(f"{ADDRESS}/2")) == {1: (100, 0)}
    assert client.delete(f"{ADDRESS}/1").json()["errors"][0]["code"] == "default_revision"
    assert shares_in(put(client, (2, 0, 10))) == {1: (100, 0), 2: (0, 10)}
    assert shares_in(client.post(f"{ADDRESS}/promote", {"revision": 2}, format="json")) == {2: (100, 0)}
    assert shares_in(client.post(f"{ADDRESS}/abort")) == {2: (100, 0)}


@pytest.mark.parametrize(
    ("shares", "status", "code"),
    [
        ([(1, 90, 0), (2, 20, 0)], 400, "bad_traffic"),
        ([(2, 10, 0), (2, 10, 0)], 400, "bad_traffic"),
        ([(1, 0, 5)], 400, "bad_traffic"),
        ([(9, 5, 0)], 404, "not_found"),
    ],
)
def test_shares_that_cannot_be_are_refused(api, bob, two, shares, status, code):
    answer = put(api(bob), *shares)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)


def test_viewers_only_look(api, carol, two):
    assert put(api(carol), (2, 10, 0)).status_code == 403


def test_change_during_an_update_is_a_conflict(workspace, api, bob, iris, fake, two):
    deploy(workspace, bob, iris, overwrite=True, target=fake.target)
    answer = put(api(bob), (2, 10, 0))
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "operation_under_way")
    assert "the update to revision 3" in answer.json()["errors"][0]["detail"]


def test_service_without_a_built_revision_has_no_shares(workspace, api, bob, iris, fake):
    deploy(workspace, bob, iris, target=fake.target, built=False)
    assert api(bob).get(ADDRESS).json()["revisions"] == []
    assert put(api(bob), (1, 100, 0)).status_code == 409
