"""What the front is told of services, and the file in which it is told."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from deployments.models import KeyUse, RoutingFile, Service
from deployments.services import lifecycle
from deployments.services.client_keys import Limits, create_client_key
from deployments.services.traffic import TrafficRequest, change_traffic
from deployments.traffic import routing_file
from deployments.traffic.routing_file import routing_path, write_routing
from scoring.front_contract import FrontService, decode_routing
from tests.deployments.service_factories import deploy

QUERIES = 7  # services, shares, instances, keys, host names, client keys, their use
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.FRONT_FOLDER = tmp_path
    settings.FRONT = settings.FRONT | {"enabled": True}


@pytest.fixture
def two(workspace, bob, iris, fake, service):
    """Revision 1 gets 90 %, revision 2 10 %; both run, and the front has been told of nothing yet."""
    fake.visit(service, 5)
    deploy(workspace, bob, iris, overwrite=True, target=fake.target, traffic=10, label="blue")
    fake.visit(service, 5)
    RoutingFile.objects.all().delete()  # which the visits have written
    routing_path().unlink(missing_ok=True)
    return service


def written() -> FrontService:
    write_routing()
    (service,) = decode_routing(routing_path().read_bytes()).services
    return service


def test_front_learns_addresses_shares_and_digests_of_keys(two):
    service = written()
    addresses = [replica.address for revision in service.revisions for replica in revision.replicas]
    endpoints = [instance.endpoints[0]["address"] for instance in two.instances.order_by("pk")]
    assert [f"http://{address}" for address in addresses] == endpoints
    assert [(one.number, one.label, one.slots) for one in service.revisions] == [
        (1, "", [(0, 8999)]),
        (2, "blue", [(9000, 9999)]),
    ]
    assert (service.workspace, service.name, service.default, service.auth) == ("vision", "iris", 1, "key")
    primary = two.keys.get(slot="primary").value
    assert (service.keys[0].name, service.keys[0].digest) == ("primary", hashlib.sha256(primary.encode()).hexdigest())
    assert primary not in routing_path().read_text()
    assert service.front_key == two.front_key


def test_replicas_without_a_grpc_address_of_their_own_are_reached_at_the_services(workspace, bob, iris, fake):
    service = deploy(workspace, bob, iris, target=fake.target, deployment_config={"grpc": True, "replicas": 2})
    fake.visit(service, 5)
    (revision,) = written().revisions
    assert [one.grpc for one in revision.replicas] == [f"127.0.0.1:{service.grpc_port}"] * 2


def test_replicas_know_the_digest_of_the_front_key(fake, two):
    digests = {spec.front_digest for spec in fake.world.specs.values()}
    assert digests == {hashlib.sha256(two.front_key.encode()).hexdigest()}


def test_slots_of_a_revision_that_does_not_run_are_the_defaults(fake, two):
    fake.world.kill(two.instances.get(revision__number=2).pk)
    fake.visit(two, 1)
    assert [(one.number, one.slots, len(one.replicas)) for one in written().revisions] == [
        (1, [(0, 9999)], 1),
        (2, [], 0),
    ]


def test_slots_of_a_default_that_does_not_run_are_the_others(fake, two):
    fake.world.kill(two.instances.get(revision__number=1).pk)
    fake.visit(two, 1)
    assert [(one.number, one.slots) for one in written().revisions] == [(1, []), (2, [(0, 9999)])]


def test_stickiness_copies_and_hosts_are_told(bob, two):
    asked = TrafficRequest(percents={}, mirrors={2: 5}, sticky={"header": "x-user"}, hosts=["iris.example.com"])
    change_traffic(two, bob, asked)
    service = written()
    assert (service.sticky.header, service.hosts) == ("x-user", ["iris.example.com"])
    assert [one.mirror_percent for one in service.revisions] == [0, 5]


def test_front_holds_to_the_limits_of_the_default_revision(workspace, bob, iris, fake):
    options = {"concurrency": 2, "waiting_limit": 7, "queue_wait_seconds": 0.25, "min_replicas": 0, "max_replicas": 3}
    more = {"start_deadline_seconds": 20, "scoring_timeout_seconds": 4, "grpc": True}
    service = fake.visit(deploy(workspace, bob, iris, target=fake.target, deployment_config=options | more), 4)
    told = written()
    assert (told.concurrency, told.queue_limit, told.queue_wait_seconds) == (2, 7, 0.25)
    assert (told.wakes, told.wake_seconds, told.scoring_timeout_seconds) == (True, 20, 4)
    assert told.grpc_port == service.front_port != service.grpc_port
    service.scaling = {"replicas": 2}
    service.save()
    assert not written().wakes


def test_service_without_options_has_the_front_s_own_limits(two):
    told = written()
    usual = FrontService(id=0, workspace="", name="", default=1, revisions=[])
    names = ("concurrency", "queue_limit", "queue_wait_seconds", "wakes", "wake_seconds", "grpc_port")
    assert [getattr(told, name) for name in names] == [getattr(usual, name) for name in names]


def test_service_that_sleeps_stays_in_the_file(two):
    two.instances.update(replicas=0, observed={}, endpoints=[])
    assert [(one.number, one.slots, one.replicas) for one in written().revisions] == [(1, [(0, 9999)], []), (2, [], [])]


def test_stopped_services_are_left_out(bob, two):
    write_routing()
    lifecycle.stop(two, bob)
    assert write_routing()
    assert decode_routing(routing_path().read_bytes()).services == []


def test_file_is_written_only_when_it_has_changed(two):
    assert [write_routing() for _ in range(3)] == [True, False, False]
    assert decode_routing(routing_path().read_bytes()).number == 1
    assert routing_path().stat().st_mode & 0o777 == 0o600


def test_nothing_is_locked_where_nothing_has_changed(two, django_assert_num_queries):
    write_routing()
    with django_assert_num_queries(QUERIES + 1) as asked:
        assert not write_routing()
    assert [one["sql"] for one in asked if not one["sql"].startswith("SELECT")] == []


def test_without_a_front_nothing_is_read_or_written(two, settings, django_assert_num_queries):
    settings.FRONT = settings.FRONT | {"enabled": False}
    with django_assert_num_queries(0):
        assert not write_routing()
    assert not routing_path().exists()


def test_file_that_is_gone_or_cut_is_written_anew_with_a_higher_number(two):
    write_routing()
    routing_path().write_bytes(routing_path().read_bytes()[:-9])
    assert write_routing()
    routing_path().unlink()
    assert write_routing()
    assert decode_routing(routing_path().read_bytes()).number == 3


@pytest.mark.parametrize("line", ["encode_routing", "write_atomically", "save"])
def test_writer_killed_at_any_line_is_made_good_by_the_next(two, monkeypatch, line):
    """The transaction is lost with the worker; the number on disk is never used for other contents."""
    write_routing()
    Service.objects.update(sticky={"header": "x-user"})

    def die(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RoutingFile if line == "save" else routing_file, line, die)
        with pytest.raises(KeyboardInterrupt):
            write_routing()

    before = decode_routing(routing_path().read_bytes())
    Service.objects.update(sticky={"cookie": "user"})
    assert write_routing()
    after = decode_routing(routing_path().read_bytes())
    assert after.number > before.number
    assert after.services[0].sticky.cookie == "user"
    assert not write_routing()


def test_builder_asks_as_often_for_many_services_as_for_one(workspace, bob, iris, fake, two, django_assert_num_queries):
    def queries() -> int:
        with django_assert_num_queries(QUERIES):
            return len(routing_file.services_of(routing_file.rows()))

    assert queries() == 1
    other = deploy(workspace, bob, iris, name="other", target=fake.target)
    fake.visit(other, 5)
    assert queries() == 2


class TestClientKeys:
    """Beside the service's own two; what was used of a quota comes in steps of a hundredth."""

    def test_front_learns_digest_expiry_and_quota_but_no_value(self, two, bob):
        expiry = timezone.now() + timedelta(days=3)
        key, value = create_client_key(two, bob, "shop", Limits(expiry, 1000))
        assert [one.name for one in written().keys] == ["primary", "secondary", "shop"]
        found = written().keys[2]
        assert (found.digest, found.expires_at, found.requests_a_day) == (key.digest, expiry.timestamp(), 1000)
        assert value not in routing_path().read_text()

    @pytest.mark.parametrize(("used", "told"), [(0, 0), (9, 0), (10, 10), (999, 990), (1000, 1000)])
    def test_use_of_today_is_told_in_steps(self, two, bob, used, told):
        create_client_key(two, bob, "shop", Limits(requests_a_day=1000))
        today = datetime.now(UTC).date()
        KeyUse.objects.create(service=two, key="shop", day=today, requests=used)
        KeyUse.objects.create(service=two, key="shop", day=today - timedelta(days=1), requests=5000)
        assert (written().keys[2].requests_today, written().keys[2].day) == (told, str(today))

    def test_rows_of_today_are_told_in_steps_of_their_own_quota(self, two, bob):
        create_client_key(two, bob, "shop", Limits(rows_a_day=5000))
        today = datetime.now(UTC).date()
        KeyUse.objects.create(service=two, key="shop", day=today, requests=77, rows=2049)
        found = written().keys[2]
        assert (found.rows_a_day, found.rows_today, found.requests_a_day, found.day) == (5000, 2000, None, str(today))

    def test_use_without_a_quota_does_not_write_the_file_anew(self, two, bob):
        create_client_key(two, bob, "shop")
        write_routing()
        KeyUse.objects.create(service=two, key="shop", day=datetime.now(UTC).date(), requests=500)
        assert not write_routing()
