"""The main job in a real browser against the whole studio: from a model file to a scoring, watched service."""

import base64
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import axe, look
from tests.stack import Stack

pytestmark = pytest.mark.stack

OTHER_PAGES = (
    "activity/",
    "settings/tokens/",
    "settings/members/",
    "settings/targets/",
    "settings/targets/new/",
    "settings/targets/at/local/",
    "configs/new/",
    "environments/new/",
    "environments/edit/",
)
SAMPLES = Path(__file__).resolve().parents[2] / "samples"
PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "service.png"
DEPLOY_MS = 60_000  # from pressing Deploy to Healthy; the promise people are given is a minute
DROP = """([name, content]) => {
    const bytes = Uint8Array.from(atob(content), character => character.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name));
    return transfer;
}"""


def sign_in(page: Page, stack: Stack) -> None:
    page.goto(stack.url("/"))
    look(page, "sign-in")
    page.get_by_label("Username").fill(stack.username)
    page.get_by_label("Password").fill(stack.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")
    look(page, "home-empty")


def add_samples(page: Page) -> None:
    page.get_by_role("link", name="Models", exact=True).click()
    look(page, "models-empty")
    page.get_by_role("button", name="Add sample models").first.click()
    for name in ("iris", "digits", "breast-cancer", "diabetes", "wine"):
        expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()


def drop_a_model(page: Page) -> None:
    """A version of our own, dropped onto the page from the desktop, with tags."""
    page.get_by_role("link", name="Register model").first.click()
    expect(page.locator(".drop")).to_have_attribute("data-ready", "yes")
    content = base64.b64encode((SAMPLES / "iris" / "model.onnx").read_bytes()).decode()
    dropped = page.evaluate_handle(DROP, ["flowers.onnx", content])
    page.dispatch_event(".drop", "drop", {"dataTransfer": dropped})
    expect(page.locator(".drop")).to_have_attribute("data-state", "ready")
    page.get_by_label("Name").fill("flowers")
    page.get_by_label("Tags").fill("area=garden\nstage=draft")
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("flowers:1")
    expect(page.locator("#version-state")).to_contain_text("ready", timeout=30_000)
    page.reload()
    look(page, "version")


def find_it(page: Page) -> None:
    page.get_by_role("link", name="Models", exact=True).click()
    page.get_by_label("Filter").first.fill("area=garden")
    page.get_by_label("Filter").first.press("Enter")
    expect(page).to_have_url(re.compile("area%3Dgarden"))
    expect(page.get_by_role("link", name="flowers", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="iris", exact=True)).to_have_count(0)
    look(page, "models-found")
    page.get_by_role("link", name="version 1", exact=True).click()


def deploy_it(page: Page) -> None:
    page.get_by_role("link", name="Deploy", exact=True).click()
    look(page, "deploy")
    page.get_by_role("button", name="Deploy", exact=True).click()
    expect(page.locator("#service-status .badge").first).to_have_text(re.compile("Healthy"), timeout=DEPLOY_MS)
    look(page, "service")


def call_it(page: Page) -> None:
    page.get_by_role("link", name="Test", exact=True).click()
    for _ in range(5):
        with page.expect_response(re.compile("/test/$")) as answered:
            page.get_by_role("button", name="Send", exact=True).click()
        assert answered.value.ok
    result = page.locator("#test-result")
    expect(result).to_contain_text("200")
    expect(result).to_contain_text("probabilities")
    look(page, "service-test")


def watch_it(page: Page) -> None:
    """The charts show the five calls without anybody pressing reload."""
    page.get_by_role("link", name="Metrics", exact=True).click()
    expect(page.locator(".chart[data-ready=yes]")).to_have_count(6, timeout=30_000)
    expect(page.get_by_text(re.compile(r"^[5-9] requests$"))).to_be_visible(timeout=30_000)
    look(page, "service-metrics")
    if os.environ.get(
        "SLIPWAY_UPDATE_PICTURES"
    ):  # the picture in README.md; not at every run: it never comes out equal
        PICTURE.parent.mkdir(exist_ok=True)
        page.screenshot(path=PICTURE)


def read_it(page: Page) -> None:
    tabs = page.get_by_role("navigation", name="Service")
    tabs.get_by_role("link", name="Logs").click()
    expect(page.locator(".log-entry").first).to_be_visible()
    look(page, "service-logs")
    tabs.get_by_role("link", name="Revisions").click()
    look(page, "service-revisions")
    tabs.get_by_role("link", name="Settings").click()
    look(page, "service-settings")


def stop_and_delete_it(page: Page) -> None:
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    expect(page.locator("#service-status .badge").first).to_have_text(re.compile("Stopped"), timeout=30_000)
    look(page, "service-stopped")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("Delete flowers?")
    look(page, "service-delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete flowers").click()
    page.get_by_role("link", name="Services", exact=True).first.click()
    expect(page.get_by_role("link", name="flowers", exact=True)).to_have_count(0, timeout=30_000)


def test_main_job_from_a_model_file_to_a_monitored_service(page: Page, stack: Stack):
    sign_in(page, stack)
    add_samples(page)
    drop_a_model(page)
    find_it(page)
    deploy_it(page)
    call_it(page)
    watch_it(page)
    read_it(page)
    page.get_by_role("link", name="Home", exact=True).click()
    look(page, "home")
    page.get_by_role("link", name="Services", exact=True).first.click()
    look(page, "services")
    page.get_by_role("link", name="flowers", exact=True).first.click()
    stop_and_delete_it(page)
    for address in OTHER_PAGES:
        page.goto(stack.url(f"/w/default/{address}"))
        look(page, address.strip("/").replace("/", "-"))
    axe(page)
