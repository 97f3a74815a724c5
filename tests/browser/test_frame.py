"""The frame around every page: sign-in, navigation, themes, keyboard, phone."""

import pytest
from playwright.sync_api import expect

from deployments.models import Phase, Service, Target
from registry.models import Model, ModelVersion, Tag
from tests.browser.conftest import PHONE, look


@pytest.fixture
def things(workspace, alice):
    """A model with a version, a healthy service and a failed one."""
    model = Model.objects.create(workspace=workspace, name="iris", last_number=1, created_by=alice)
    version = ModelVersion.objects.create(
        workspace=workspace, model=model, number=1, state="ready", framework="onnx", created_by=alice
    )
    Tag.objects.create(workspace=workspace, model=model, version=version, key="area", value="tabular")
    target, _ = Target.objects.get_or_create(workspace=workspace, name="local")
    cause = {"code": "init_failed", "message": "init() raised KeyError.", "hint": "Set MODEL.", "evidence": "Traceback"}
    Service.objects.create(workspace=workspace, name="iris", target=target, phase=Phase.HEALTHY)
    Service.objects.create(workspace=workspace, name="churn", target=target, phase=Phase.FAILED, cause=cause)


def test_user_signs_in_and_out(page, live_server, alice):
    page.goto(live_server.url)
    look(page, "sign-in")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill("a-long-password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Home")
    page.get_by_role("button", name="Account of alice").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_wrong_password_is_named(page, live_server, alice):
    page.goto(live_server.url)
    page.expected.append("status of 4")
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("password")


def test_start_page_of_an_empty_workspace_offers_sample_models(open_as, alice):
    page = open_as(alice)
    expect(page.get_by_role("button", name="Add sample models")).to_be_visible()
    look(page, "home-empty")


def test_start_page_names_failing_services_and_the_next_step(open_as, alice, things):
    page = open_as(alice)
    expect(page.get_by_role("region", name="Not healthy")).to_contain_text("init() raised KeyError. Set MODEL.")
    expect(page.get_by_role("link", name="Healthy 1", exact=True)).to_be_visible()
    look(page, "home")


def test_the_search_finds_models_versions_and_services(open_as, alice, things):
    page = open_as(alice)
    page.keyboard.press("/")
    page.keyboard.type("iris")
    page.keyboard.press("Enter")
    for kind in ("Services", "Models", "Versions"):
        expect(page.get_by_role("region", name=kind)).to_contain_text("iris")
    look(page, "search")


@pytest.mark.parametrize(("key", "place"), [("m", "models"), ("s", "services"), ("a", "activity"), ("h", "")])
def test_keyboard_shortcuts_open_the_main_pages(open_as, alice, live_server, key, place):
    page = open_as(alice, "/w/vision/search/")
    page.keyboard.press("g")
    page.keyboard.press(key)
    expect(page).to_have_url(f"{live_server.url}/w/vision/{place + '/' if place else ''}")


def test_question_mark_lists_the_shortcuts_of_the_page(open_as, alice):
    page = open_as(alice)
    page.keyboard.press("?")
    shortcuts = page.get_by_role("dialog", name="Keyboard shortcuts")
    rows = dict(zip(shortcuts.locator("dt").all_inner_texts(), shortcuts.locator("dd").all_inner_texts(), strict=True))
    assert {what: keys.strip() for what, keys in rows.items()} == {
        "Search": "/",
        "This list": "?",
        "Close a dialog or menu": "Esc",
        "Home": "g h",
        "Models": "g m",
        "Services": "g s",
        "Activity": "g a",
    }
    look(page, "shortcuts")
    page.keyboard.press("Escape")
    expect(shortcuts).to_have_count(0)
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(shortcuts).to_be_visible()


def test_table_wider_than_a_phone_shows_at_which_edge_it_goes_on(open_as, alice, things):
    page = open_as(alice, "/w/vision/models/")
    page.set_viewport_size(PHONE)
    table = page.locator("#model-rows")
    expect(table).to_have_attribute("data-edge", "end")
    table.evaluate("table => { table.scrollLeft = 10 }")
    expect(table).to_have_attribute("data-edge", "start end")
    table.evaluate("table => { table.scrollLeft = table.scrollWidth }")
    expect(table).to_have_attribute("data-edge", "start")


def test_unknown_address_is_named_and_leads_to_the_search(open_as, alice, things, live_server):
    page = open_as(alice)
    page.expected.append("404")
    page.goto(f"{live_server.url}/w/vision/modles/iris/")
    expect(page.get_by_text("There is nothing at /w/vision/modles/iris/.")).to_be_visible()
    look(page, "not-found")
    page.get_by_label("Search Vision").fill("iris")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("region", name="Models")).to_contain_text("iris")


def test_missing_object_leads_to_the_lists(open_as, alice, things):
    page = open_as(alice)
    page.expected.append("404")
    page.goto(page.url + "models/gone/")
    look(page, "not-found-in-workspace")
    page.get_by_role("navigation", name="Elsewhere").get_by_role("link", name="Models").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Models")


def test_the_theme_is_remembered(open_as, alice):
    page = open_as(alice)
    toggle = page.get_by_role("button", name="Theme:")
    expect(toggle).to_have_attribute("aria-label", "Theme: system. Switch to light")
    toggle.click()
    toggle.click()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 16, 21)"


def test_the_menu_opens_on_a_phone(open_as, alice, live_server):
    page = open_as(alice)
    page.set_viewport_size(PHONE)
    menu = page.get_by_role("navigation", name="Main")
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(menu).to_be_visible()
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()


def test_every_component_is_accessible_in_both_themes(open_as, admin_user, workspace):
    page = open_as(admin_user, "/patterns/")
    for chart in ("throughput", "latency"):
        expect(page.locator(f"#{chart}")).to_have_attribute("data-ready", "yes")
    page.locator("summary", has_text="Numbers").first.click()
    expect(page.locator(".chart-table table").first).to_contain_text("requests/s")
    look(page, "patterns")


def test_deletion_asks_for_confirmation(open_as, admin_user, workspace):
    page = open_as(admin_user, "/patterns/")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("Delete iris:3?")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_pattern_page_is_hidden_from_others(open_as, alice):
    page = open_as(alice)
    page.expected.append("404")
    page.goto(page.url.split("/w/")[0] + "/patterns/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")


def test_pages_are_readable_without_javascript(browser, live_server, alice, sign_in):
    context = browser.new_context(java_script_enabled=False)
    session = sign_in(alice).cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    page.goto(live_server.url)
    page.get_by_role("link", name="Home").click()
    expect(page.get_by_role("button", name="Add sample models")).to_be_visible()
    context.close()


def test_api_page_opens_from_the_sidebar_and_is_accessible_with_an_operation_unfolded(open_as, alice):
    page = open_as(alice)
    page.get_by_role("link", name="REST API").click()
    expect(page.locator(".opblock-tag")).to_have_count(18)
    page.locator("#operations-tag-me").click()
    page.get_by_text("/api/v1/me", exact=True).click()
    expect(page.get_by_role("heading", name="Responses")).to_be_visible()
    page.locator("#operations-tag-workspaces").click()
    page.get_by_text("/api/v1/workspaces/{workspace}/tokens", exact=True).nth(1).click()
    expect(page.get_by_role("heading", name="Request body")).to_be_visible()
    look(page, "api")
