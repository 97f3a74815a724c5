"""The uses that services record for model versions."""

import importlib

import pytest
from django.apps import apps

from deployments.models import Service
from deployments.services import lifecycle
from registry.errors import InUse
from registry.models import VersionUse
from registry.versions import registration
from tests.deployments.service_factories import deploy
from tests.pages import text_of, url
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db
migration = importlib.import_module("deployments.migrations.0013_version_uses")


def uses():
    """(version, serving, shown state) of every use."""
    rows = VersionUse.objects.order_by("version_id").select_related("version")
    return [(str(use.version), use.serving, use.state) for use in rows]


def test_update_serves_the_new_version_and_still_holds_the_old_one(service, workspace, bob, fake):
    assert uses() == [("iris:1", True, "Transitioning")]
    deploy(workspace, bob, make_version(workspace, "iris"), target=fake.target, overwrite=True)
    assert uses() == [("iris:1", False, "Transitioning"), ("iris:2", True, "Transitioning")]


def test_stopped_service_serves_nothing_and_keeps_its_version_from_being_deleted(service, bob, iris):
    lifecycle.stop(service, bob)
    assert uses() == [("iris:1", False, "Transitioning")]
    with pytest.raises(InUse):
        registration.delete_version(iris, bob)


def test_use_shows_the_phase_of_the_service_and_is_deleted_with_it(service, bob, fake):
    assert fake.visit(service, 5).phase == "Healthy"
    assert uses() == [("iris:1", True, "Healthy")]

    lifecycle.delete(service, bob)
    with pytest.raises(Service.DoesNotExist):
        fake.visit(service, 8)
    assert uses() == []


def test_migration_writes_the_uses_of_services_that_exist(service, workspace, bob, fake):
    deploy(workspace, bob, make_version(workspace, "iris"), target=fake.target, overwrite=True)
    expected = list(VersionUse.objects.order_by("version_id").values())
    VersionUse.objects.all().delete()
    migration.record_uses(apps, None)
    known = {"id": 0}
    assert [row | known for row in VersionUse.objects.order_by("version_id").values()] == [
        row | known for row in expected
    ]


def test_page_of_a_version_lists_the_revisions_that_hold_it(service, sign_in, carol, iris):
    page = sign_in(carol)
    address = url("version_revisions", name="iris", number=1)
    assert address in page.get(f"{url('version_detail', name='iris', number=1)}?tab=deployments").text
    assert service.name in text_of(page.get(address))
