"""The administration site shows rows of deployments and never their secrets."""

import pytest
from django.urls import reverse

from studio.accounts.models import User
from tests.deployments.service_factories import deploy

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", ["service", "revision", "build", "inferenceconfig", "target"])
def test_lists_and_rows_open_and_hold_no_secret(sign_in, workspace, bob, iris, model):
    service = deploy(workspace, bob, iris, deployment_config={"environment_variables": {"API_KEY": "hush-hush"}})
    client = sign_in(User.objects.create_superuser("root", password="a-long-password"))
    rows = client.get(reverse(f"admin:deployments_{model}_changelist"))
    assert rows.status_code == 200
    [row] = rows.context["cl"].result_list
    page = client.get(reverse(f"admin:deployments_{model}_change", args=[row.pk]))
    assert page.status_code == 200
    assert service.telemetry_token not in page.content.decode()
    assert "hush-hush" not in page.content.decode()
