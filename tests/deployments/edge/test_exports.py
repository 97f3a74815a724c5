"""Exports as jobs, over REST and on their page."""

import hashlib
from datetime import timedelta

import pytest
from django.utils import timezone

from deployments.builds.job_files import remove_old_files
from deployments.edge import exports
from deployments.models import EdgeExport
from registry.store import artifacts
from studio.core.job_runner import run_job

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("few_packages")]
PLACE = "/api/v1/workspaces/vision/services/flowers/edge-exports"


@pytest.fixture
def export(revision, bob):
    """Of revision 1, done."""
    made = exports.request_export(revision.service, bob)
    run_job("edge_export", made.pk)
    made.refresh_from_db()
    assert made.state == "succeeded", made.error
    return made


def test_export_is_downloaded_with_its_digest(api, bob, export):
    listed = api(bob).get(f"{PLACE}/{export.pk}").json()
    file = api(bob).get(f"{PLACE}/{export.pk}/file")

    content = b"".join(file.streaming_content)
    assert listed["can_be_downloaded"]
    assert (listed["size_bytes"], listed["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert 'filename="flowers-1.tar.gz"' in file.headers["Content-Disposition"]


def test_download_goes_on_where_it_broke_off(api, bob, export):
    whole = b"".join(api(bob).get(f"{PLACE}/{export.pk}/file").streaming_content)
    rest = api(bob).get(f"{PLACE}/{export.pk}/file", headers={"Range": "bytes=100-"})

    assert rest.status_code == 206
    assert b"".join(rest.streaming_content) == whole[100:]


def test_viewer_cannot_download_the_variables_of_a_deployment(api, carol, export):
    assert api(carol).get(f"{PLACE}/{export.pk}/file").status_code == 403


def test_export_under_way_is_given_instead_of_another(revision, bob):
    assert exports.request_export(revision.service, bob) == exports.request_export(revision.service, bob)


def test_bundle_that_has_gone_is_made_again(revision, bob, data):
    made = exports.request_export(revision.service, bob)
    (data / "bundles" / revision.content_hash).rename(data / "elsewhere")

    run_job("edge_export", made.pk)

    made.refresh_from_db()
    assert made.state == "succeeded", made.error


def test_file_of_the_model_that_is_lost_fails_the_export_with_the_next_step(revision, bob, data):
    made = exports.request_export(revision.service, bob)
    (data / "bundles" / revision.content_hash).rename(data / "elsewhere")
    file = revision.models.get().version.files.first()
    artifacts.local_path(file.artifact_id).unlink()

    run_job("edge_export", made.pk)

    made.refresh_from_db()
    assert (made.state, made.error["code"]) == ("failed", "file_lost")
    assert made.error["hint"]


def test_unknown_revision_is_not_found(api, bob, revision):
    assert api(bob).post(PLACE, {"revision": 7}).status_code == 404


def test_old_files_go_and_their_rows_stay(export, api, bob):
    EdgeExport.objects.update(finished_at=timezone.now() - timedelta(days=8))

    remove_old_files(EdgeExport)

    assert not export.path.exists()
    gone = api(bob).get(f"{PLACE}/{export.pk}/file")
    assert (gone.status_code, gone.json()["errors"][0]["code"]) == (404, "not_found")


def test_drafts_of_killed_workers_go(export):
    draft = export.path.with_name("99.tar.1.draft")
    draft.write_bytes(b"half")

    remove_old_files(EdgeExport)

    assert not draft.exists()
    assert export.path.exists()


def test_page_shows_exports_and_asks_for_one(sign_in, bob, export):
    browser = sign_in(bob)
    page = browser.get("/w/vision/services/flowers/edge/").content.decode()
    asked = browser.post("/w/vision/services/flowers/edge/", {"revision": "1"})

    assert f"/w/vision/services/flowers/edge/{export.pk}/" in page
    assert asked.status_code == 302
    assert EdgeExport.objects.count() == 2


def test_page_says_why_an_export_is_refused(sign_in, bob, revision):
    page = sign_in(bob).post("/w/vision/services/flowers/edge/", {"revision": "7"})

    assert page.status_code == 404
    assert "has no revision 7" in page.content.decode()


def test_public_key_is_downloaded(sign_in, carol):
    answer = sign_in(carol).get("/w/vision/settings/signing-key/")

    assert answer.content.startswith(b"-----BEGIN PUBLIC KEY-----")
