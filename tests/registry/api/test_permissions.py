"""Roles and tokens over REST."""

from datetime import timedelta

import pytest
from django.utils import timezone

from registry.models import ModelVersion
from studio.accounts.models import ApiToken
from tests.registry.factories import make_version
from tests.registry.rest_answers import BASE, first_error

pytestmark = pytest.mark.django_db


def test_viewer_can_read_and_cannot_write(api, carol, workspace, bob):
    make_version(workspace, user=bob)
    rest = api(carol)
    for url in ("models", "models/iris", "models/iris/versions", "versions", "versions/iris:1"):
        assert rest.get(f"{BASE}/{url}").status_code == 200
    assert rest.post(f"{BASE}/uploads", {"path": "m.onnx", "size": 5}).status_code == 403
    assert rest.post(f"{BASE}/versions", {"name": "iris", "files": []}).status_code == 403
    assert rest.patch(f"{BASE}/versions/iris:1", {"description": "x"}).status_code == 403
    assert rest.delete(f"{BASE}/versions/iris:1").status_code == 403
    assert ModelVersion.objects.count() == 1


def test_read_only_token_cannot_write(api, bob):
    response = api(bob, access="read").post(f"{BASE}/uploads", {"path": "m.onnx", "size": 5})
    assert response.status_code == 403


def test_expired_token_is_rejected(api, bob):
    rest = api(bob)
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(days=1))
    response = rest.get(f"{BASE}/models")
    assert response.status_code == 401
    assert "expired" in first_error(response)["detail"]


def test_workspace_is_not_found_for_non_members(api, mallory, workspace):
    make_version(workspace)
    for url in ("models", "versions/iris:1", "versions/iris:1/archive", "versions/iris:1/files/model.onnx"):
        assert api(mallory).get(f"{BASE}/{url}").status_code == 404


def test_a_version_of_another_workspace_is_not_found(rest, elsewhere):
    make_version(elsewhere)
    response = rest.get(f"{BASE}/versions/iris:1")
    assert response.status_code == 404
    assert first_error(response)["detail"] == "There is no model version 'iris:1' in vision."
