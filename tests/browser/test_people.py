"""People, members and tokens under Settings: added, let back in and deactivated without the administration site."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import look

PEOPLE = "/people/"


@pytest.fixture
def administrator(alice):
    alice.is_superuser = True
    alice.save()
    return alice


def test_administrator_adds_a_person_who_chooses_a_password_by_the_link(open_as, administrator, bob):
    page = open_as(administrator, "/w/vision/settings/members/")
    look(page, "members")
    page.get_by_role("navigation", name="Settings").get_by_role("link", name="People").click()
    page.get_by_label("Username").fill("dana")
    page.get_by_role("button", name="Add person").click()
    expect(page.get_by_role("row", name="dana")).to_contain_text("no password yet")
    look(page, "people")
    link = page.locator("#password-link").inner_text()

    page.context.clear_cookies()
    page.goto(link)
    look(page, "choose-password")
    page.get_by_label("New password", exact=True).fill("corr3ct-horse-battery")
    page.get_by_label("New password confirmation").fill("corr3ct-horse-battery")
    page.expected.append("404")  # of Home: she belongs to no workspace yet
    page.get_by_role("button", name="Save and sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("You are not a member of any workspace yet.")
    expect(page.get_by_role("button", name="Account of dana")).to_be_visible()


def test_deactivation_asks_first_and_can_be_undone(open_as, administrator, bob):
    page = open_as(administrator, PEOPLE)
    row = page.get_by_role("row", name="bob")
    row.get_by_role("button", name="Deactivate bob").click()
    question = page.get_by_role("dialog")
    expect(question).to_contain_text("Deactivate bob?")
    question.get_by_role("button", name="Deactivate").click()
    expect(row).to_contain_text("deactivated")
    row.get_by_role("button", name="Activate bob").click()
    expect(row.get_by_text("active", exact=True)).to_be_visible()


def test_used_up_link_says_what_to_do(page, live_server, db):
    page.goto(f"{live_server.url}/password/MQ/used-up/")
    expect(page.get_by_role("heading", level=1)).to_have_text("This link is not valid any more")
    look(page, "password-link-used")
