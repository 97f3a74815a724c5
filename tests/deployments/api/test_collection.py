"""Collection of unused files over REST, for administrators of the studio."""

import pytest

from deployments.models import Collection
from studio.accounts.models import Access, User
from studio.core.job_runner import run_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("wheels")]
HERE = "/api/v1/admin/collection"


@pytest.fixture
def root():
    return User.objects.create_superuser("root")


@pytest.fixture
def client(api, root, workspace):
    return api(root, workspace)


def test_administrator_starts_a_collection_and_reads_its_result(client, enqueued, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(HERE, {"dry_run": False}, format="json")
    assert answer.status_code == 202
    made = answer.json()
    assert (made["state"], made["dry_run"]) == ("queued", False)
    assert enqueued == [("collection", made["id"])]
    run_job("collection", made["id"])
    done = client.get(f"{HERE}/{made['id']}").json()
    assert (done["state"], done["count"], done["items"]) == ("succeeded", 0, [])


def test_collection_is_a_preview_by_default(client):
    assert client.post(HERE, {}, format="json").json()["dry_run"] is True


def test_read_only_token_can_read_and_not_start_collections(root, api, workspace):
    made = Collection.objects.create(dry_run=True)
    client = api(root, workspace, access=Access.READ)
    assert client.get(f"{HERE}/{made.pk}").status_code == 200
    assert client.post(HERE, {}, format="json").status_code == 403
    assert Collection.objects.count() == 1
