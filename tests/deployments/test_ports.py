"""A port has one holder, whatever is spoken on it and whoever comes at once."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction

from deployments import founding, ports
from deployments.errors import NoFreePort, PortTaken
from deployments.models import Port, Service
from tests.deployments.services import deploy

pytestmark = pytest.mark.django_db
ON = {"deployment_config": {"grpc": True}}
note_holders = import_module("deployments.migrations.0004_port_holders").note_holders


def offer(monkeypatch, *numbers: int) -> None:
    """What looks free, one after the other: as a deployment sees it while another one writes."""
    offers = iter(numbers)
    monkeypatch.setattr(founding, "free_port", lambda: next(offers))


def test_grpc_is_not_given_the_http_port_of_another_service(workspace, bob, iris, monkeypatch):
    first = deploy(workspace, bob, iris, name="first")
    offer(monkeypatch, 21400, first.port, 21401)
    second = deploy(workspace, bob, iris, name="second", **ON)
    assert (second.port, second.grpc_port) == (21400, 21401)


def test_a_service_is_not_given_the_grpc_port_of_another(workspace, bob, iris, monkeypatch):
    first = deploy(workspace, bob, iris, name="first", **ON)
    offer(monkeypatch, first.grpc_port, 21400)
    assert deploy(workspace, bob, iris, name="second").port == 21400


def test_grpc_is_not_given_the_http_port_of_its_own_service(workspace, bob, iris, monkeypatch):
    offer(monkeypatch, 21400, 21400, 21401)
    service = deploy(workspace, bob, iris, **ON)
    assert (service.port, service.grpc_port) == (21400, 21401)


@pytest.mark.parametrize(("column", "spoken"), [("port", "HTTP"), ("grpc_port", "gRPC")])
def test_the_refusal_names_the_service_that_holds_the_port(workspace, bob, iris, column, spoken):
    first = deploy(workspace, bob, iris, name="flowers", **ON)
    second = deploy(workspace, bob, iris, name="second")
    number = getattr(first, column)
    with pytest.raises(PortTaken) as refused:
        ports.claim(second, Port.Use.GRPC, number)
    assert (
        refused.value.message == f"Port {number} belongs to the service 'flowers', which answers there over {spoken}."
    )
    assert Service.objects.get(pk=second.pk).grpc_port is None


def test_the_table_itself_refuses_a_second_holder(workspace, bob, iris):
    first = deploy(workspace, bob, iris, name="first")
    second = deploy(workspace, bob, iris, name="second")
    with pytest.raises(IntegrityError), transaction.atomic():
        Port.objects.create(number=first.port, service=second, use="grpc")


def test_a_service_that_finds_no_port_is_not_there(workspace, bob, iris, monkeypatch):
    taken = deploy(workspace, bob, iris, name="first").port
    monkeypatch.setattr(founding, "free_port", lambda: taken)
    with pytest.raises(NoFreePort):
        deploy(workspace, bob, iris, name="second")
    assert not Service.objects.filter(name="second").exists()


def test_both_ports_are_free_again_when_the_service_is_gone(workspace, bob, iris):
    service = deploy(workspace, bob, iris, **ON)
    held = {service.port, service.grpc_port}
    assert set(service.ports.values_list("number", flat=True)) == held
    service.delete()
    assert not Port.objects.exists()


class TestServicesFromBefore:
    """What the migration makes of rows that were written when the two kinds of ports did not know of each other."""

    @pytest.fixture
    def pair(self, workspace, bob, iris):
        first, second = (deploy(workspace, bob, iris, name=name, **ON) for name in ("first", "second"))
        Port.objects.all().delete()
        return first, second

    def test_keep_their_ports(self, pair):
        note_holders(apps, None)
        found = set(Port.objects.values_list("number", "service__name", "use"))
        assert found == {
            (number, service.name, use)
            for service in pair
            for number, use in ((service.port, "http"), (service.grpc_port, "grpc"))
        }

    def test_get_another_grpc_port_where_it_was_somebody_elses_http_port(self, pair):
        first, second = pair
        Service.objects.filter(pk=second.pk).update(grpc_port=first.port)
        note_holders(apps, None)
        second.refresh_from_db()
        assert second.grpc_port not in {first.port, first.grpc_port, second.port}
        assert Port.objects.get(number=first.port).service == first
        assert Port.objects.get(number=second.grpc_port).use == "grpc"

    def test_are_named_when_no_port_is_left(self, pair, settings):
        first, second = pair
        Service.objects.filter(pk=second.pk).update(grpc_port=first.port)
        settings.SLIPWAY = settings.SLIPWAY | {"LOCAL_PORTS": (first.port, first.port)}
        with pytest.raises(RuntimeError, match="of the service 'second'"):
            note_holders(apps, None)
