"""Pages of targets."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from deployments.models import Target
from deployments.services import targets
from studio.core.job_runner import run_job

pytestmark = pytest.mark.django_db
HERE = "/w/vision/settings/targets/"
FORM = {
    "name": "cluster",
    "setting-engine": "tcp://10.0.0.1:2375",
    "setting-network": "prod",
    "setting-token": "s3cret",
}


@pytest.fixture
def added(sign_in, alice, containers):
    """The client of an administrator who has added the target `cluster`."""
    client = sign_in(alice)
    assert client.post(f"{HERE}new/?kind=docker-like", FORM).status_code == 302
    return client


def text_of(client, address):
    return client.get(address).content.decode()


def test_form_asks_for_the_settings_of_the_chosen_kind(sign_in, alice, containers):
    page = text_of(sign_in(alice), f"{HERE}new/?kind=docker-like")
    assert 'value="unix:///run/engine.sock"' in page
    assert 'name="setting-token"' in page
    assert 'type="password"' in page


def test_added_target_is_listed_and_its_page_shows_no_secret(added):
    assert "cluster" in text_of(added, HERE)
    page = text_of(added, f"{HERE}at/cluster/")
    assert 'value="prod"' in page
    assert "s3cret" not in page
    assert "Leave it empty to keep the present one." in page


def test_page_is_polled_until_the_check_has_ended(added):
    assert 'hx-trigger="every 1s"' in text_of(added, f"{HERE}at/cluster/")
    run_job("target_check", Target.objects.get(name="cluster").checks.get().pk)
    page = text_of(added, f"{HERE}at/cluster/")
    assert 'hx-trigger="every 1s"' not in page
    assert "Services can run here." in page


def test_changed_settings_keep_a_secret_that_is_left_empty(added):
    answer = added.post(f"{HERE}at/cluster/", {"setting-network": "test", "setting-engine": "", "setting-token": ""})
    assert answer.status_code == 302
    assert Target.objects.get(name="cluster").all_settings["token"] == "s3cret"
    assert Target.objects.get(name="cluster").settings["network"] == "test"


def test_error_is_shown_beside_its_field(added):
    answer = added.post(f"{HERE}new/?kind=docker-like", FORM)
    assert answer.status_code == 422
    assert "already" in answer.content.decode()


def test_added_target_can_be_removed_and_the_local_one_cannot(added):
    assert f"{HERE}at/local/remove/" not in text_of(added, f"{HERE}at/local/")
    assert added.post(f"{HERE}at/cluster/remove/").status_code == 302
    assert not Target.objects.filter(name="cluster").exists()


def test_number_of_queries_does_not_grow_with_the_list(added, workspace, alice):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            added.get(HERE)
        return len(captured)

    queries()  # makes the row of this machine
    before = queries()
    for name in ("second", "third"):
        targets.add_target(workspace, alice, name, "docker-like", {})
    assert queries() == before


PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"


def test_certificates_keep_their_lines_and_are_never_shown(sign_in, alice, workspace):
    page = sign_in(alice).get("/w/vision/settings/targets/new/?kind=docker").content.decode()
    assert '<textarea name="setting-ca"' in page
    sent = {"kind": "docker", "name": "far", "setting-host": "tcp://box:2376", "setting-ca": PEM}
    assert sign_in(alice).post("/w/vision/settings/targets/new/?kind=docker", sent).status_code == 302
    assert Target.objects.get(name="far").all_settings["ca"].splitlines() == PEM.splitlines()
    assert "MIIB" not in sign_in(alice).get("/w/vision/settings/targets/at/far/").content.decode()


def test_address_that_is_none_is_told_beside_its_field(sign_in, alice, workspace):
    sent = {"kind": "docker", "name": "far", "setting-host": "http://box"}
    answer = sign_in(alice).post("/w/vision/settings/targets/new/?kind=docker", sent)
    assert answer.status_code == 422
    assert "must begin with unix://, tcp:// or ssh://" in answer.content.decode()
    assert not Target.objects.filter(name="far").exists()
