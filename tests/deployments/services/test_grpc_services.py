"""Services with gRPC: a second permanent port, for no-code models only."""

import pytest

from deployments.errors import BadDeploymentConfig, NoFreePort
from deployments.models import Instance, Service
from deployments.recipe.spec import spec_for
from deployments.services import create, ports
from tests.deployments.service_factories import deploy, instance_of
from tests.pages import text_of, url

pytestmark = pytest.mark.django_db
SERVICES = "/api/v1/workspaces/vision/services"
ON = {"deployment_config": {"grpc": True}}


def grpc_wanted(service) -> bool:
    """The gRPC setting in the specification of an instance of its revision."""
    return spec_for(Instance(service=service, revision=service.revisions.get())).grpc


def test_grpc_is_off_by_default(api, bob, iris):
    shape = api(bob).post(SERVICES, {"name": "iris", "models": ["iris:1"]}).json()
    service = Service.objects.get()
    assert (shape["grpc_address"], shape["deployment_config"]["grpc"]) == (None, False)
    assert (service.grpc_port, grpc_wanted(service)) == (None, False)


def test_service_with_grpc_gets_and_shows_a_second_port(api, bob, iris):
    shape = api(bob).post(SERVICES, {"name": "iris", "models": ["iris:1"], **ON}).json()
    service = Service.objects.get()
    assert 21000 <= service.grpc_port <= 21999
    assert service.grpc_port != service.port
    assert shape["grpc_address"] == f"127.0.0.1:{service.grpc_port}"
    assert service.front_port not in {None, service.port, service.grpc_port}
    assert grpc_wanted(service)


def test_grpc_port_is_kept_when_grpc_is_turned_off_and_on(workspace, bob, iris, fake):
    def deployed(**more) -> tuple[int | None, bool]:
        service = deploy(workspace, bob, iris, target=fake.target, overwrite=True, **more)
        fake.visit(service, 6)
        return fake.world.routes[service.pk].grpc_port, fake.world.specs[instance_of(service).pk].grpc

    assert deployed() == (None, False)
    first, wanted = deployed(**ON)
    assert first is not None
    assert wanted
    assert deployed() == (first, False)
    assert deployed(**ON) == (first, True)


def test_no_port_is_given_twice(workspace, bob, iris, settings, monkeypatch):
    monkeypatch.setattr(ports, "_is_free", lambda port: True)
    settings.SLIPWAY = settings.SLIPWAY | {"LOCAL_PORTS": (21500, 21505)}
    services = [deploy(workspace, bob, iris, name=name, **ON) for name in ("first", "second")]
    assert {port for one in services for port in (one.port, one.grpc_port, one.front_port)} == {*range(21500, 21506)}
    with pytest.raises(NoFreePort):
        deploy(workspace, bob, iris, name="third", **ON)
    assert not Service.objects.filter(name="third").exists()


def test_second_service_offered_the_same_port_takes_another(workspace, bob, iris, monkeypatch):
    taken = deploy(workspace, bob, iris, name="first", **ON).grpc_port
    second = deploy(workspace, bob, iris, name="second")
    offers = iter([taken, 21777, 21778])
    monkeypatch.setattr(create, "free_port", lambda: next(offers))
    assert deploy(workspace, bob, iris, name="second", overwrite=True, **ON).grpc_port == 21777
    assert Service.objects.get(pk=second.pk).grpc_port == 21777


def test_entry_script_with_grpc_is_rejected_with_a_hint(workspace, bob, pickled, script_config):
    with pytest.raises(BadDeploymentConfig) as caught:
        deploy(workspace, bob, pickled, name="scripted", config=script_config("demo"), **ON)
    assert caught.value.field == "grpc"
    assert "without code" in caught.value.message
    assert not Service.objects.exists()


@pytest.mark.parametrize("value", ["yes", 1, []])
def test_grpc_must_be_a_boolean(api, bob, iris, value):
    answer = api(bob).post(SERVICES, {"name": "iris", "models": ["iris:1"], "deployment_config": {"grpc": value}})
    assert answer.status_code == 400
    assert "grpc must be true or false" in str(answer.json())


def test_the_form_turns_it_on_and_the_page_shows_the_address(sign_in, bob, workspace, iris):
    client = sign_in(bob)
    page = client.post(
        url("deploy"), {"name": "iris", "models": "iris:1", "target": "local", "auth": "key", "grpc": "on"}
    )
    assert page.status_code == 302, text_of(page)
    service = Service.objects.get()
    shown = text_of(client.get(url("service_detail", name="iris")))
    assert f"127.0.0.1:{service.grpc_port}" in shown
    assert "gRPC" in text_of(client.get(url("service_detail", name="iris") + "?tab=settings"))


def test_page_of_a_service_without_grpc_shows_no_grpc_address(sign_in, bob, workspace, iris):
    deploy(workspace, bob, iris)
    assert "gRPC" not in text_of(sign_in(bob).get(url("service_detail", name="iris")))
