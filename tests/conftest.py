"""The same three people everywhere: Alice administers, Bob contributes, Carol looks.

Mallory belongs to another workspace and must never see anything of theirs.
"""

import os
from importlib import import_module

import pytest
from django.apps import apps
from django.test import Client

from registry.models import CuratedEnvironment
from registry.store.artifacts import local_path
from studio.accounts.models import Access, ApiToken, Membership, Role, User, Workspace
from studio.celery import app
from studio.core.enqueue import RUN_JOB
from tests.engine_client import docker_engine, own_label  # noqa: F401 - fixtures
from tests.stack import stack  # noqa: F401 - a fixture

app.loader.import_default_modules()  # as a worker does: tasks, and what runs each kind of job
REQUIRED = set(filter(None, os.environ.get("SLIPWAY_REQUIRE", "").split(",")))


def require(engine: str, reason: str) -> None:
    """Skip where a user's machine lacks `engine`; fail where CI promised it."""
    if engine in REQUIRED:
        pytest.fail(f"SLIPWAY_REQUIRE names {engine}, but {reason}")
    pytest.skip(f"needs {engine}: {reason}")


@pytest.fixture(autouse=True)
def enqueued(monkeypatch):
    """No broker in unit tests: messages are kept as `(kind, id)` of a job or `(task, arguments)`, and nothing runs."""
    sent = []

    def keep(task, args, queue=None, **when):
        assert task in app.tasks, f"no worker knows the task {task}"
        sent.append(args if task == RUN_JOB else (task, args))

    monkeypatch.setattr("studio.core.enqueue._send", keep)
    return sent


@pytest.fixture(autouse=True)
def _no_heartbeat_beside_a_transaction(request, monkeypatch):
    """A job's heartbeat has a connection of its own. It does not see the job that a test has made in a transaction, and
    would take it for cancelled."""
    marker = request.node.get_closest_marker("django_db")
    if not (marker and marker.kwargs.get("transaction")):
        monkeypatch.setattr("studio.core.job_heartbeat.BEAT_SECONDS", 3600.0)


@pytest.fixture
def curated_set(db):
    """The curated environments that a migration adds: a test that empties the database takes them along."""
    if not CuratedEnvironment.objects.exists():
        import_module("registry.migrations.0012_curated_of_november_2026").add_set(apps, None)


@pytest.fixture
def workspace(curated_set):
    return Workspace.objects.create(slug="vision", name="Vision")


@pytest.fixture
def elsewhere(curated_set):
    return Workspace.objects.create(slug="elsewhere", name="Elsewhere")


def _member(name, workspace, role):
    person = User.objects.create_user(name, password="a-long-password")
    Membership.objects.create(user=person, workspace=workspace, role=role)
    return person


@pytest.fixture
def alice(workspace):
    return _member("alice", workspace, Role.ADMIN)


@pytest.fixture
def bob(workspace):
    return _member("bob", workspace, Role.CONTRIBUTOR)


@pytest.fixture
def carol(workspace):
    return _member("carol", workspace, Role.VIEWER)


@pytest.fixture
def superuser(db):
    """An administrator of the studio, and a member of nothing."""
    return User.objects.create_superuser("root", password="a-long-password")


@pytest.fixture
def mallory(elsewhere):
    return _member("mallory", elsewhere, Role.ADMIN)


@pytest.fixture
def sign_in():
    """`sign_in(bob)` gives a browser-like client of Bob's."""

    def make(person):
        client = Client()
        client.force_login(person)
        return client

    return make


@pytest.fixture
def api():
    """`api(bob)` gives a REST client with a write token of Bob's; `api(bob, access='read')` a reading one."""
    from rest_framework.test import APIClient  # slow: only for tests that use it

    def make(person, workspace=None, access=Access.WRITE):
        secret = ApiToken.make_secret()
        workspace = workspace or person.memberships.get().workspace
        ApiToken.objects.create(
            user=person,
            workspace=workspace,
            name="test",
            access=access,
            hint=secret[:8],
            digest=ApiToken.digest_of(secret),
        )
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return client

    return make


@pytest.fixture
def rot():
    """`rot(artifact, content)` changes the stored bytes. The file is removed after the test: tests share the store, and
    the next one that stores the same bytes would find the changed ones."""
    changed = []

    def change(artifact, content=b"rotten"):
        path = local_path(artifact.digest)
        changed.append(path)
        path.chmod(0o600)
        path.write_bytes(content)
        return path

    yield change
    for path in changed:
        path.unlink(missing_ok=True)
