"""Profiles in the browser: ask for one, read its verdict, apply it, fill a deploy form, compare two."""

import pytest
from playwright.sync_api import expect

from deployments.models import Service
from monitoring.models import Profile
from tests.browser.conftest import PHONE, SCREENS, axe_findings
from tests.deployments.service_factories import deploy
from tests.monitoring.profiles.factories import make_ended_profile, make_profile
from tests.registry.factories import make_version


@pytest.fixture
def iris(workspace):
    return make_version(workspace, "iris")


def shown(page, name):
    """A picture of the whole page, for people to look at."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    expect(page.locator(".chart:not([data-ready=yes])")).to_have_count(0)
    page.screenshot(path=SCREENS / f"{name}.png", full_page=True)


def test_profile_is_asked_for_on_the_version_and_its_result_applied_to_the_service(open_as, workspace, bob, iris):
    deploy(workspace, bob, iris, name="flowers", deployment_config={"cpu": 2, "memory_gb": 4})
    page = open_as(bob, "/w/vision/models/iris/1/")
    page.get_by_role("link", name="Profile", exact=True).click()
    page.get_by_label("p99 under").fill("20")
    shown(page, "profile-form")
    page.get_by_label("at, requests/s").fill("500")
    page.get_by_role("button", name="Profile", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Profile of iris:1")
    expect(page.get_by_text("It waits for a worker.")).to_be_visible()
    asked = Profile.objects.get()
    assert asked.goal == {"p99": 20.0, "rate": 500.0}

    ended = make_ended_profile(workspace, bob, iris)
    page.goto(page.url.replace(f"/{asked.pk}/", f"/{ended.pk}/"))
    expect(page.locator(".verdict-text")).to_contain_text("Give it")
    page.get_by_role("button", name="Apply to flowers").click()
    expect(page.get_by_role("dialog")).to_contain_text("Memory")
    page.get_by_role("dialog").get_by_role("button", name="Apply").click()
    page.wait_for_url("**/services/flowers/")
    service = Service.objects.get()
    newest = service.revisions.get(number=2)
    assert service.wanted_revision == 2
    assert newest.deployment_config["memory_gb"] == ended.result["options"]["memory_gb"]
    assert newest.reason.startswith(f"Profile {ended.pk}")


def test_result_fills_a_deploy_form(open_as, workspace, bob, iris):
    ended = make_ended_profile(workspace, bob, iris)
    page = open_as(bob, f"/w/vision/profiles/{ended.pk}/")
    page.get_by_role("link", name="Fill a deploy form").click()
    expect(page.get_by_label("Model version", exact=True)).to_have_value("iris:1")
    page.get_by_text("Advanced settings").click()
    options = ended.result["options"]
    expect(page.get_by_label("Memory")).to_have_value(f"{options['memory_gb']:g}")
    expect(page.get_by_label("Replicas", exact=True)).to_have_value(str(options["replicas"]))


def test_page_of_a_profile_is_readable_in_both_themes_and_on_a_phone(open_as, workspace, bob, iris):
    other = make_ended_profile(workspace, bob, iris, run_ms=6.0)
    ended = make_ended_profile(workspace, bob, iris)
    page = open_as(bob, f"/w/vision/profiles/{ended.pk}/?with={other.pk}")
    expect(page.get_by_role("region", name=f"Comparison with profile {other.pk}")).to_contain_text("Latency p99")
    shown(page, "profile-light")
    found = axe_findings(page)
    page.emulate_media(color_scheme="dark")
    shown(page, "profile-dark")
    found += axe_findings(page)
    page.set_viewport_size(PHONE)
    shown(page, "profile-phone")
    assert found + axe_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_running_profile_shows_its_progress_and_can_be_cancelled(open_as, workspace, bob, iris):
    running = make_profile(
        workspace, bob, iris, state="running", step="Under load: 2 replicas of 1 core, at 500/s", progress=0.4,
        samples=[[float(at), 0, 480.0, 2.0, 8.0, 0.9, 200 * 1024**2, 12] for at in range(30)],
    )  # fmt: skip
    waiting = make_profile(workspace, bob, iris)
    page = open_as(bob, f"/w/vision/profiles/{running.pk}/")
    expect(page.get_by_text("Under load: 2 replicas of 1 core, at 500/s")).to_be_visible()
    shown(page, "profile-running")
    root = page.url.partition("/w/")[0]
    page.goto(root + waiting.get_absolute_url())
    expect(page.get_by_text("It waits for 1 other profile")).to_be_visible()
    page.goto(root + running.get_absolute_url())
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".headline")).to_contain_text("Cancelled")
    page.goto(f"{root}/w/vision/profiles/")
    page.screenshot(path=SCREENS / "profile-list.png", full_page=True)
