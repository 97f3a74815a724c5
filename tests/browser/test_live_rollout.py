"""A rollout on the page of a service that is being asked through a real front: it advances by itself, is rolled back by
a click, and no request is lost."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.deployments.test_rollouts_through_front import Steady
from tests.rest import Rest
from tests.stack import ROOT, Stack, free_port

pytestmark = pytest.mark.stack
MODEL = ROOT / "samples" / "iris" / "model.onnx"
ROW = {"data": [[5.1, 3.5, 1.4, 0.2]]}
RATE = 80  # requests a second
SECONDS = 150  # a machine with much else to do


@pytest.fixture
def rest(tmp_path: Path):
    """iris behind the front; revision 2 runs beside the default one without requests."""
    with Stack(tmp_path, SLIPWAY_FRONT="1", SLIPWAY_FRONT_PORT=str(free_port())) as stack:
        rest = Rest(stack)
        version = rest.register("iris", MODEL)
        rest.until_ready(version)
        rest.deploy("iris", version)
        rest.until("services/iris", lambda found: found["state"] == "Healthy", SECONDS)
        rest.deploy("iris", version, overwrite=True, traffic=0)
        rest.until(
            "services/iris/traffic", lambda found: {row["state"] for row in found["revisions"]} == {"Healthy"}, SECONDS
        )
        yield rest


def open_tab(page: Page, stack: Stack) -> None:
    page.goto(stack.url("/w/default/services/iris/?tab=traffic"))
    page.get_by_label("Username").fill(stack.username)
    page.get_by_label("Password").fill(stack.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Split of requests")).to_be_visible()


def drag_to_a_quarter(page: Page) -> None:
    box = page.get_by_label("Share of revision 2, slider").bounding_box()
    page.mouse.move(box["x"] + 8, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()


def fill_in(page: Page) -> None:
    page.get_by_text("Steps, guards, warm-up").click()
    for number, (share, bake) in enumerate([("50", "10s"), ("100", "10m"), ("", ""), ("", "")], start=1):
        page.get_by_label(f"Step {number}", exact=True).fill(share)
        page.get_by_label(f"for step {number}", exact=True).fill(bake)
    page.get_by_label("Time", exact=True).first.uncheck()  # of a model of microseconds on a busy machine
    page.get_by_label("Warm-up requests").fill("0")


def test_rollout_advances_by_itself_under_load_and_is_rolled_back_with_a_click(page: Page, rest: Rest) -> None:
    service = rest.get("services/iris")
    clients = Steady(service["front_uri"], rest.get("services/iris/keys")["primary"], RATE, body=ROW)
    try:
        open_tab(page, rest.stack)
        drag_to_a_quarter(page)
        page.get_by_role("button", name="Apply").click()
        expect(page.get_by_text("The traffic of iris is changed.")).to_be_visible()
        assert 15 < rest.get("services/iris/traffic")["revisions"][1]["percent"] < 35

        fill_in(page)
        page.get_by_role("button", name="Start the rollout").click()
        status = page.locator("#rollout [role=status]")
        expect(status).to_have_text("Revision 2 gets 50 %, step 1 of 2.", timeout=1000 * SECONDS)
        expect(status).to_have_text("Revision 2 gets 95 %, step 2 of 2.", timeout=1000 * SECONDS)
        expect(page.locator(".guards")).to_contain_text("Errors")

        page.get_by_role("button", name="Roll back").click()
        page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
        expect(status).to_have_text("Revision 1 gets all requests again.")
        assert [row["percent"] for row in rest.get("services/iris/traffic")["revisions"]] == [100]
    finally:
        codes = clients.finish()
    assert set(codes) == {200}, codes
