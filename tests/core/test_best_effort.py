"""Reads go on while the database cannot be written to."""

import sqlite3

import pytest
from django.db import connection

from studio.accounts.models import Access, ApiToken
from studio.people.tokens import create_token

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite's one writer"),
]


@pytest.fixture
def locked():
    """Another process holds the database for writing."""
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield other
    other.close()


def test_token_is_accepted_while_its_last_use_cannot_be_written(client, workspace, alice, request):
    token, secret = create_token(alice, workspace, name="t", access=Access.READ, days=1)
    address, headers = "/api/v1/workspaces/vision/models", {"Authorization": f"Bearer {secret}"}

    writer = request.getfixturevalue("locked")
    assert client.get(address, headers=headers).status_code == 200
    assert ApiToken.objects.get(pk=token.pk).last_used_at is None

    writer.execute("ROLLBACK")
    assert client.get(address, headers=headers).status_code == 200
    assert ApiToken.objects.get(pk=token.pk).last_used_at is not None


def test_lock_timeout_of_other_writes_is_unchanged(client, workspace, alice):
    _, secret = create_token(alice, workspace, name="t", access=Access.READ, days=1)
    with connection.cursor() as cursor:
        before = cursor.execute("PRAGMA busy_timeout").fetchone()
        client.get("/api/v1/workspaces/vision/models", headers={"Authorization": f"Bearer {secret}"})
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == before


def test_page_that_remembers_the_workspace_opens_while_it_cannot(client, workspace, alice, request):
    client.force_login(alice)
    writer = request.getfixturevalue("locked")

    assert client.get("/w/vision/").status_code == 200

    writer.execute("ROLLBACK")
    client.get("/w/vision/")
    assert client.session["workspace"] == "vision"
