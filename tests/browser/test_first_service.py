"""How many clicks it takes a newcomer from signing in to a service that answers."""

import re

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import look
from tests.stack import Stack

pytestmark = pytest.mark.stack

MOST_CLICKS = 7
BUILD_MS = 180_000  # the environment with scikit-learn is installed, too
SAMPLE = {"data": [[13.2, 1.78, 2.14, 11.2, 100.0, 2.65, 2.76, 0.26, 1.28, 4.38, 1.05, 3.4, 1050.0]]}


def test_scikit_learn_sample_answers_after_few_clicks(page: Page, stack: Stack):
    clicks = 0

    def click(element: Locator) -> None:
        nonlocal clicks
        element.click()
        clicks += 1

    page.goto(stack.url("/"))
    page.get_by_label("Username").fill(stack.username)
    page.get_by_label("Password").fill(stack.password)
    click(page.get_by_role("button", name="Sign in"))
    click(page.get_by_role("button", name="Add sample models").first)
    click(page.get_by_role("link", name="wine", exact=True))
    click(page.get_by_role("link", name="Deploy", exact=True))
    click(page.get_by_role("button", name="Deploy", exact=True))
    expect(page.locator("#service-status .badge").first).to_have_text(re.compile("Healthy"), timeout=BUILD_MS)
    look(page, "first-service")
    address = page.locator("code", has_text="/score").first.inner_text().strip()
    page.goto(page.url.partition("?")[0] + "keys/")
    key = page.locator("dd code").first.inner_text().strip()

    answer = httpx.post(address, json=SAMPLE, headers={"Authorization": f"Bearer {key}"})

    assert answer.status_code == 200, answer.text
    assert answer.json() == {"labels": [0], "growers": ["grower 1"]}
    assert clicks <= MOST_CLICKS
