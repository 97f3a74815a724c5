"""Reports of the front: who may send them, and what pages tell of them."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.test import Client
from django.utils import timezone

from deployments.models import FrontStatus, RoutingFile
from deployments.services.client_keys import create_client_key
from deployments.services.key_use import Use, use_by_key
from deployments.traffic.front_reports import SILENT_SECONDS, front_problem
from scoring.front_contract import FrontReport, KeyUse
from studio.core.secrets import read_or_create_secret
from tests.deployments.service_factories import deploy

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/front/report"


@pytest.fixture(autouse=True)
def _front(settings, tmp_path):
    settings.FRONT_FOLDER, settings.FRONT = tmp_path, settings.FRONT | {"enabled": True}


@pytest.fixture
def send(tmp_path):
    token = read_or_create_secret(tmp_path / "report.key")

    def post(token: str = token, body: bytes | None = None, **facts) -> int:
        report = FrontReport(**{"front": "front", "started_at": 1e9, "applied": 3} | facts)
        sent = msgspec.json.encode(report) if body is None else body
        headers = {"Authorization": f"Bearer {token}"}
        return Client().post(ADDRESS, sent, content_type="application/json", headers=headers).status_code

    return post


def test_report_is_kept(send):
    assert [send(ejected=["7"]), send(applied=4)] == [204, 204]
    (status,) = FrontStatus.objects.all()
    assert (status.name, status.applied, status.refused, status.ejected) == ("front", 4, "", [])
    assert front_problem() == ""


def test_report_with_another_token_is_refused(send):
    assert [send(token="another"), send(token="")] == [401, 401]
    assert not FrontStatus.objects.exists()


def test_body_that_is_no_report_is_refused(send):
    assert [send(body=b"{}"), send(body=b"\xff"), send(body=b"[]")] == [400, 400, 400]


def test_page_tells_of_a_front_that_is_silent(send):
    assert "it has never been seen" in front_problem()
    send()
    FrontStatus.objects.update(seen_at=timezone.now() - timedelta(seconds=SILENT_SECONDS + 1))
    assert front_problem().startswith("The front does not report: last seen ")


def test_page_tells_of_a_file_that_is_refused_or_not_applied(send):
    send(refused="the routing file is cut off")
    assert front_problem() == "The front goes on with an earlier routing file, 3: the routing file is cut off"
    send()
    RoutingFile.objects.create(pk=1, number=5)
    assert front_problem() == ""
    RoutingFile.objects.update(changed_at=timezone.now() - timedelta(seconds=SILENT_SECONDS + 1))
    assert front_problem().startswith("The front still uses routing file 3; 5 was written ")


def test_nothing_is_told_without_a_front(settings):
    settings.FRONT = settings.FRONT | {"enabled": False}
    assert front_problem() == ""


def test_use_of_keys_is_kept(send, workspace, bob, iris):
    service, today = deploy(workspace, bob, iris), str(datetime.now(UTC).date())
    create_client_key(service, bob, "shop")
    uses = [KeyUse(service=service.pk, key=key, day=today, requests=3) for key in ("shop", "primary", "x" * 64)]
    assert send(keys=uses) == 204
    assert use_by_key(service) == {"shop": Use(3, 3), "primary": Use(3, 3)}


def test_report_to_a_studio_that_has_no_front_is_refused_and_makes_no_token(tmp_path, settings):
    settings.FRONT_FOLDER = tmp_path / "none"
    headers = {"Authorization": "Bearer anything"}
    assert Client().post(ADDRESS, b"{}", content_type="application/json", headers=headers).status_code == 401
    assert not settings.FRONT_FOLDER.exists()
