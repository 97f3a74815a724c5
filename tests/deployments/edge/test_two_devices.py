"""The studio and two agents, each a process of its own: a service reaches the devices wave by wave."""

import sys

import httpx
import pytest

from deployments.builds import device_parts
from deployments.builds.tar_files import Entry
from deployments.control import advance, reconcile
from deployments.edge import device_rollouts, devices, polls
from deployments.edge.standing import describe_devices, describe_rollouts
from deployments.models import Instance, Target
from deployments.services.targets import add_target
from tests.deployments.service_factories import deploy, run_build
from tests.registry.factories import make_version, onnx_bytes
from tests.scoring.conftest import free_port
from tests.scoring.edge.conftest import Device as Machine
from tests.scoring.edge.conftest import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def plant(workspace, alice, data, monkeypatch, tmp_path):
    packages = next(path for path in sys.path if path.endswith("site-packages"))
    pointer = tmp_path / "of_the_studio.pth"
    pointer.write_text(f"{packages}\n")
    monkeypatch.setattr(device_parts, "package_entries", lambda _: [Entry(pointer.name, pointer)])
    monkeypatch.setattr(polls, "POLL_SECONDS", 0.5)
    settings = {"waves": "label:canary, 100%", "bake_seconds": 1, "first_port": free_port()}
    add_target(workspace, alice, "plant", "edge", settings)
    return Target.objects.get(name="plant")


class Studio:
    """Stands for the studio's own URL and loop."""

    def __init__(self, url: str) -> None:
        self.url, self.public_key = url, ""

    @staticmethod
    def step() -> None:
        """What workers do."""
        for instance in Instance.objects.all():
            advance.advance(instance.service_id)
            reconcile.reconcile(instance.pk)
        device_rollouts.advance_device_rollouts()


@pytest.fixture
def studio(live_server, settings):
    settings.STUDIO_URL = live_server.url
    return Studio(live_server.url)


@pytest.fixture
def machines(studio, plant, alice):
    """Two devices; their services answer at the same port, so that only one of them may serve this test."""
    made = []
    for name, labels in (("canary-1", ["canary"]), ("hall-2", [])):
        device, key = devices.add_device(plant, alice, name, labels)
        machine = Machine(studio)
        machine.configure(**devices.agent_settings(device, key))
        made.append(machine.start())
    yield made
    for machine in made:
        machine.close()


def shown(plant) -> dict[str, dict]:
    """What each device is to run and runs."""
    plant = Target.objects.get(pk=plant.pk)
    found = describe_devices(plant, plant.devices.all())
    return {one["name"]: next(iter(one["services"]), {}) for one in found}


def test_service_reaches_the_canary_first_and_stops_where_it_does_not_run(workspace, bob, plant, studio, machines):
    """Both devices are this machine, so that the port is taken on the second one."""
    version = make_version(workspace, "iris", files={"model.onnx": onnx_bytes()})
    service = deploy(workspace, bob, version, name="flowers", target=plant, built=False)
    assert run_build(service).state == "succeeded"

    def until_shown(condition, machine):
        def look():
            studio.step()
            return condition(shown(plant))

        until(look, machine)

    until_shown(lambda devices: devices["canary-1"].get("running") == 1, machines[0])
    headers = {"Authorization": f"Bearer {service.keys.get(slot='primary').value}"}
    address = f"http://127.0.0.1:{plant.settings['first_port']}/score"
    assert httpx.post(address, json={"data": [[1.0] * 4]}, headers=headers).status_code == 200
    service.refresh_from_db()
    assert service.phase == "Healthy"

    until_shown(lambda devices: devices["hall-2"].get("state") == "failed", machines[1])
    studio.step()
    (rollout,) = describe_rollouts(plant)
    assert rollout["state"] == "stopped"
    assert "It does not run on hall-2" in rollout["reason"]
    assert shown(plant)["canary-1"]["running"] == 1
