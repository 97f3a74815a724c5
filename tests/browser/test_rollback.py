"""Rollback of an update that is running or has failed, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from deployments.causes import cause_of
from deployments.control.advance import advance
from deployments.models import Build, BuiltBundle, Service
from tests.browser.conftest import look
from tests.deployments.service_factories import build_of, deploy
from tests.registry.factories import make_version

PAGE = "/w/vision/services/iris/?tab=revisions"


@pytest.fixture
def service(workspace, bob):
    """Revision 1 has the traffic; revision 2 is being built."""
    version = make_version(workspace, "iris")
    first = deploy(workspace, bob, version)
    BuiltBundle.objects.create(place="one", content_hash=first.revisions.get().content_hash)
    second = make_version(workspace, "iris")
    return deploy(workspace, bob, second, overwrite=True, built=False)


def test_confirmation_survives_an_update_of_the_page(open_as, bob, service):
    page = open_as(bob, PAGE)
    expect(page.get_by_text("The update to revision 2 is under way; revision 1 goes on answering")).to_be_visible()
    look(page, "service-update")
    page.get_by_role("button", name="Roll back to revision 1").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("Roll iris back to revision 1?")
    with page.expect_response(re.compile("/status/$")):
        pass  # the part of the page around the button is exchanged
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(page.get_by_text("The update to revision 2 is under way")).to_have_count(0)
    assert Service.objects.get().wanted_revision == 1


def test_failed_update_shows_its_cause_and_the_next_steps(open_as, bob, service):
    Build.objects.filter(pk=build_of(service).pk).update(state="failed", error=cause_of("disk_full"))
    advance(service.pk)
    page = open_as(bob, PAGE)
    expect(page.get_by_text("The update to revision 2 failed; revision 1 goes on answering")).to_be_visible()
    expect(page.get_by_text("The studio's disk is full.")).to_be_visible()
    expect(page.get_by_role("link", name="Fix and update")).to_be_visible()
    expect(page.get_by_role("button", name="Roll back to revision 1").first).to_be_visible()
    look(page, "service-update-failed")
