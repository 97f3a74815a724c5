"""A real Chromium against a live server. Every test here also proves: no script error, no blocked resource.

Screenshots lie in test-results/screens/ afterwards, for people to look at.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect

from tests.conftest import require

# Playwright's sync API runs an event loop in the test's own thread, where Django would refuse to query.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

CHROMIUM = os.environ.get("SLIPWAY_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
SCREENS = Path(settings.BASE_DIR) / "test-results" / "screens"
AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESK = {"width": 1360, "height": 860}
PHONE = {"width": 390, "height": 844}
NOTE_VIOLATIONS = (
    "window.__csp = [];"
    "document.addEventListener('securitypolicyviolation', e => __csp.push(e.effectiveDirective + ' ' + e.blockedURI))"
)

expect.set_options(timeout=15_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict) -> dict:
    if CHROMIUM is None:
        require("browser", "there is no chromium on the path")
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": arguments}


@pytest.fixture(scope="session")
def base_url() -> None:
    """Addresses come from `live_server`; the plugin's own fixture warns under this pytest."""


@pytest.fixture
def browser_context_args(browser_context_args: dict) -> dict:
    return {**browser_context_args, "viewport": DESK}


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """A tab that notes what goes wrong. A test that provokes an error adds a part of its text to `page.expected`."""
    page.add_init_script(NOTE_VIOLATIONS)
    page.errors, page.expected = [], []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda line: page.errors.append(line.text) if line.type == "error" else None)
    yield page
    surprising = [text for text in page.errors if not any(part in text for part in page.expected)]
    assert surprising == []
    assert page.evaluate("window.__csp ?? []") == []


@pytest.fixture
def open_as(page: Page, live_server) -> Callable:
    """`open_as(alice, "/w/vision/")` opens the address signed in as Alice."""

    def go(person, path: str = "/") -> Page:
        client = Client()
        client.force_login(person)
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        page.context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url, "httpOnly": True}]
        )
        page.goto(live_server.url + path)
        return page

    return go


def axe_findings(page: Page) -> list[str]:
    """What the accessibility rules find on the page as it is."""
    page.evaluate(AXE)
    found = page.evaluate("rules => axe.run(document, {runOnly: rules}).then(result => result.violations)", RULES)
    return [f"{each['id']}: {node['target']} {node['failureSummary']}" for each in found for node in each["nodes"]]


def axe(page: Page) -> None:
    """Fail on any finding of the accessibility rules."""
    findings = axe_findings(page)
    assert not findings, "\n".join(findings)


def look(page: Page, name: str) -> None:
    """Screenshots in light, in dark and on a phone, each also checked by axe and for being too wide."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    for mode, scheme, size in (("dark", "dark", DESK), ("phone", "light", PHONE), ("light", "light", DESK)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        page.evaluate("window.scrollTo(0, 0)")
        page.wait_for_timeout(300)  # transitions and charts settle
        page.screenshot(path=SCREENS / f"{name}-{mode}.png", full_page=True)
        axe(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], f"{name} is too wide: {mode}"
