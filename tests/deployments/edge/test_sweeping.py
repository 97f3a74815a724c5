"""What was packed for devices goes when no device may ask for it."""

import os
import time

import pytest

from deployments.edge import sweeping
from deployments.recipe.spec import ref_of, spec_for
from deployments.services.targets import add_target
from deployments.targets import driver_for
from deployments.targets.base import Route
from deployments.targets.edge.published import part_path, release_path, target_folder
from tests.deployments.service_factories import deploy, instance_of
from tests.registry.factories import make_version
from tests.targets.edge_specs import pack

pytestmark = pytest.mark.django_db
LONG_AGO = time.time() - 30 * 86_400


def age(path) -> None:
    os.utime(path, (LONG_AGO, LONG_AGO))


def test_parts_of_devices_stay_and_others_go(workspace, alice, data):
    plant = add_target(workspace, alice, "plant", "edge", {})
    service = deploy(workspace, alice, make_version(workspace, "iris"), name="flowers", target=plant)
    instance = instance_of(service)
    pack(instance.revision.content_hash)
    driver = driver_for(plant)
    driver.apply(spec_for(instance))
    driver.route(Route(service.pk, instance=ref_of(instance)))
    unused = part_path("d" * 64)
    unused.write_bytes(b"nobody's")
    pack("e" * 64)
    for path in (unused, part_path("c" * 64), release_path("e" * 64), release_path(instance.revision.content_hash)):
        age(path)

    sweeping.remove_unused_parts()

    assert part_path("c" * 64).exists()
    assert release_path(instance.revision.content_hash).exists()
    assert not unused.exists()


def test_packed_revision_that_is_gone_goes_with_its_parts(data):
    pack("e" * 64)
    age(part_path("c" * 64))

    sweeping.remove_unused_parts()

    assert not release_path("e" * 64).exists()
    assert not part_path("c" * 64).exists()


def test_folder_of_a_target_that_is_gone_goes(data):
    folder = target_folder(77).services
    folder.mkdir(parents=True)

    sweeping.remove_unused_parts()

    assert not target_folder(77).path.exists()
