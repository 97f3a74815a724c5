"""The deploy page in a real browser: its advanced settings closed, open, filled in and invalid."""

import pytest
from playwright.sync_api import Page, expect

from deployments.models import Service
from tests.browser.conftest import PHONE, look
from tests.deployments.service_factories import deploy
from tests.registry.factories import make_version

DEPLOY = "/w/vision/deploy/?version=iris:1"


@pytest.fixture
def iris(workspace):
    return make_version(workspace, "iris")


def summary(page: Page):
    return page.locator("summary", has_text="Advanced settings")


def test_advanced_settings_are_closed_at_first(open_as, bob, iris):
    page = open_as(bob, DEPLOY)
    expect(page.get_by_label("CPU (cores)")).to_be_hidden()
    look(page, "deploy-folded")
    summary(page).click()
    expect(page.get_by_label("CPU (cores)")).to_be_visible()
    expect(page.get_by_label("Other server options")).to_have_value("")
    look(page, "deploy-advanced")


def test_equivalent_commands_follow_the_form(open_as, bob, iris):
    page = open_as(bob, DEPLOY)
    summary(page).click()
    page.get_by_label("Answer over gRPC too").check()
    page.get_by_label("Batching delay (ms)").fill("2")
    command = page.locator("[aria-label='Command line']")
    expect(command).to_contain_text("--grpc")
    expect(command).to_contain_text("--batch-delay 2")


def test_config_choice_follows_the_selected_version(open_as, workspace, bob, iris):
    make_version(workspace, "tree", files={"model.pkl": b"x"})
    page = open_as(bob, DEPLOY)
    config = page.get_by_label("Inference config")
    expect(config.locator("option").first).to_have_text("Automatic: no code, ONNX Runtime")
    page.get_by_label("Model version", exact=True).select_option("tree:1")
    expect(config.locator("option").first).to_have_text("Choose one")
    expect(page.get_by_role("link", name="Write a script for tree:1")).to_be_visible()


def test_update_form_has_its_own_button_and_no_overwrite_box(open_as, workspace, bob, iris):
    deploy(workspace, bob, iris)
    page = open_as(bob, "/w/vision/deploy/?service=iris")
    expect(page.get_by_role("button", name="Update iris")).to_be_visible()
    expect(page.get_by_label("Update the service if it exists")).to_have_count(0)
    look(page, "deploy-update")


def test_errors_are_opened_and_linked_at_the_top(open_as, bob, iris):
    page = open_as(bob, DEPLOY)
    page.expected.append("status of 422")
    summary(page).click()
    page.get_by_label("CPU (cores)").fill("900")
    page.get_by_label("Allowed origins").fill("example.com")
    page.get_by_label("Requests collected (%)").fill("ten")
    page.get_by_label("Other server options").fill('{"turbo": 1}')
    page.get_by_role("button", name="Deploy", exact=True).click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Nothing is deployed yet.")
    look(page, "deploy-wrong")
    cpu = page.get_by_label("CPU (cores)")
    expect(cpu).to_have_value("900")
    expect(cpu).to_have_attribute("aria-invalid", "true")
    expect(cpu).to_have_accessible_description("What the model asks for, else 1. Must lie between 0.1 and 256.")
    page.set_viewport_size(PHONE)
    alert.get_by_role("link", name="Other server options").click()
    expect(page.get_by_label("Other server options")).to_be_in_viewport()
    assert not Service.objects.exists()


def test_service_shows_both_addresses_and_its_options_in_words(open_as, workspace, bob, iris):
    server = {
        "batching": {"delay_seconds": 0.002},
        "cors_origins": ["https://example.com"],
        "collect": {"fraction": 0.1},
    }
    config = {"grpc": True, "server": server, "environment_variables": {"LEVEL": "high"}}
    deploy(workspace, bob, iris, deployment_config=config)
    page = open_as(bob, "/w/vision/services/iris/")
    expect(page.get_by_role("button", name="Copy the gRPC address")).to_be_visible()
    look(page, "service-both-addresses")
    page.goto(page.url + "?tab=settings")
    expect(page.get_by_role("region", name="Deployment config")).to_contain_text("2 ms")
    look(page, "service-settings-in-words")
    page.goto(page.url.replace("settings", "test"))
    page.get_by_role("tab", name="Python, gRPC").click()
    expect(page.get_by_label("Python, gRPC").locator("pre")).to_contain_text("triton.InferenceServerClient")
    look(page, "service-test-grpc")
