"""A port has one holder, across protocols and concurrent deployments."""

import socket
import threading
from importlib import import_module

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, connections, transaction

from deployments.config import configs
from deployments.errors import NoFreePort, PortTaken
from deployments.models import Port, Service
from deployments.services import create, ports
from tests.conftest import require
from tests.deployments.service_factories import deploy

pytestmark = pytest.mark.django_db
ON = {"deployment_config": {"grpc": True}}
note_holders = import_module("deployments.migrations.0004_port_holders").note_holders


def offer(monkeypatch, *numbers: int) -> None:
    """Ports that look free, in this order, as a deployment sees them while another one commits."""
    offers = iter(numbers)
    monkeypatch.setattr(create, "free_port", lambda: next(offers))


def test_grpc_is_not_given_the_http_port_of_another_service(workspace, bob, iris, monkeypatch):
    first = deploy(workspace, bob, iris, name="first")
    offer(monkeypatch, 21400, first.port, 21401, first.port, 21402)
    second = deploy(workspace, bob, iris, name="second", **ON)
    assert (second.port, second.grpc_port, second.front_port) == (21400, 21401, 21402)


def test_a_service_is_not_given_the_grpc_port_of_another(workspace, bob, iris, monkeypatch):
    first = deploy(workspace, bob, iris, name="first", **ON)
    offer(monkeypatch, first.grpc_port, 21400)
    assert deploy(workspace, bob, iris, name="second").port == 21400


def test_grpc_is_not_given_the_http_port_of_its_own_service(workspace, bob, iris, monkeypatch):
    offer(monkeypatch, 21400, 21400, 21401, 21401, 21402)
    service = deploy(workspace, bob, iris, **ON)
    assert (service.port, service.grpc_port, service.front_port) == (21400, 21401, 21402)


@pytest.mark.parametrize(("column", "spoken"), [("port", "HTTP"), ("grpc_port", "gRPC")])
def test_error_names_the_service_that_holds_the_port(workspace, bob, iris, column, spoken):
    first = deploy(workspace, bob, iris, name="flowers", **ON)
    second = deploy(workspace, bob, iris, name="second")
    number = getattr(first, column)
    with pytest.raises(PortTaken) as refused:
        ports.claim(second, Port.Use.GRPC, number)
    assert (
        refused.value.message == f"Port {number} belongs to the service 'flowers', which answers there over {spoken}."
    )
    assert Service.objects.get(pk=second.pk).grpc_port is None


def test_database_constraint_rejects_a_second_holder(workspace, bob, iris):
    first = deploy(workspace, bob, iris, name="first")
    second = deploy(workspace, bob, iris, name="second")
    with pytest.raises(IntegrityError), transaction.atomic():
        Port.objects.create(number=first.port, service=second, use="grpc")


def test_service_without_a_free_port_is_not_created(workspace, bob, iris, monkeypatch):
    taken = deploy(workspace, bob, iris, name="first").port
    monkeypatch.setattr(create, "free_port", lambda: taken)
    with pytest.raises(NoFreePort):
        deploy(workspace, bob, iris, name="second")
    assert not Service.objects.filter(name="second").exists()


def test_all_ports_are_freed_when_the_service_is_deleted(workspace, bob, iris):
    service = deploy(workspace, bob, iris, **ON)
    held = {service.port, service.grpc_port, service.front_port}
    assert len(held) == 3
    assert set(service.ports.values_list("number", flat=True)) == held
    service.delete()
    assert not Port.objects.exists()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_concurrent_deployments_get_different_ports(workspace, bob, iris, settings, monkeypatch):
    if connection.vendor != "postgresql":
        require("postgres", "the suite runs on another database")
    settings.SLIPWAY = settings.SLIPWAY | {"LOCAL_PORTS": (21500, 21517)}
    monkeypatch.setattr(ports, "_is_free", lambda port: True)
    mine = threading.local()

    def from_one_end_then_the_other(candidates: list[int]) -> None:
        """Half of them begin above, half below, so that some wait for each other's first port while they hold it."""
        mine.looks = getattr(mine, "looks", int(threading.current_thread().name[-1])) + 1
        if mine.looks % 2:
            candidates.reverse()

    monkeypatch.setattr(ports.random, "shuffle", from_one_end_then_the_other)
    configs.default_for(iris, bob)
    failures, gate = [], threading.Barrier(6)

    def one(name: str) -> None:
        gate.wait()
        try:
            deploy(workspace, bob, iris, name=name, built=False, **ON)
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=one, name=f"service-{number}", args=(f"service-{number}",)) for number in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    given = Service.objects.values_list("port", "grpc_port", "front_port")
    assert {number for held in given for number in held} == set(range(21500, 21518))


class TestMigration:
    """The migration of rows from before HTTP and gRPC ports shared one table."""

    @pytest.fixture
    def pair(self, workspace, bob, iris):
        first, second = (deploy(workspace, bob, iris, name=name, **ON) for name in ("first", "second"))
        Port.objects.all().delete()
        return first, second

    def test_migrated_services_keep_their_ports(self, pair):
        note_holders(apps, None)
        found = set(Port.objects.values_list("number", "service__name", "use"))
        assert found == {
            (number, service.name, use)
            for service in pair
            for number, use in ((service.port, "http"), (service.grpc_port, "grpc"))
        }

    def test_grpc_port_that_is_another_services_http_port_is_replaced(self, pair):
        first, second = pair
        Service.objects.filter(pk=second.pk).update(grpc_port=first.port)
        note_holders(apps, None)
        second.refresh_from_db()
        assert second.grpc_port not in {first.port, first.grpc_port, second.port}
        assert Port.objects.get(number=first.port).service == first
        assert Port.objects.get(number=second.grpc_port).use == "grpc"

    def test_service_without_a_free_port_is_named(self, pair, settings):
        first, second = pair
        Service.objects.filter(pk=second.pk).update(grpc_port=first.port)
        settings.SLIPWAY = settings.SLIPWAY | {"LOCAL_PORTS": (first.port, first.port)}
        with pytest.raises(RuntimeError, match="of the service 'second'"):
            note_holders(apps, None)


def test_services_get_different_ports(workspace, bob, iris):
    services = [deploy(workspace, bob, iris, name=f"iris-{n}") for n in range(5)]
    assert len({service.port for service in services}) == 5


def test_port_with_a_listener_is_skipped(settings, workspace, bob, iris):
    settings.SLIPWAY = settings.SLIPWAY | {"LOCAL_PORTS": (21990, 21991)}
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 21990))
        squatter.listen()
        assert deploy(workspace, bob, iris).port == 21991


def test_port_taken_meanwhile_is_replaced(workspace, bob, iris, monkeypatch):
    taken = deploy(workspace, bob, iris, name="first").port
    offers = iter([taken, taken, 21500])
    monkeypatch.setattr("deployments.services.create.free_port", lambda: next(offers))
    assert deploy(workspace, bob, iris, name="second").port == 21500


def test_deploy_fails_when_every_port_is_taken(settings, workspace, bob, iris):
    settings.SLIPWAY = settings.SLIPWAY | {"LOCAL_PORTS": (21990, 21990)}
    deploy(workspace, bob, iris, name="first")
    with pytest.raises(NoFreePort):
        ports.free_port()
