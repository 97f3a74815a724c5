"""The tab Traffic in a real browser: sliders that sum to 100 %, applied and taken back."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from deployments.models import FrontStatus, Service
from deployments.services.traffic import TrafficRequest, change_traffic
from deployments.traffic import shadow_figures
from deployments.traffic.shadow_figures import Shadow
from deployments.traffic.shares import ALL, Share, shares_of
from tests.browser.conftest import look
from tests.deployments.service_factories import deploy, make_fake_target
from tests.registry.factories import make_version
from tests.targets.fake.driver import unregister_fake

HERE = "/w/vision/services/iris/?tab=traffic"


@pytest.fixture
def service(workspace, bob, monkeypatch):
    """Revision 1 is the default; revisions 2, blue, and 3 run beside it with 0 %."""
    fake, version = make_fake_target(workspace, monkeypatch), make_version(workspace, "iris")
    made = deploy(workspace, bob, version, target=fake.target)
    fake.visit(made, 5)
    deploy(workspace, bob, version, target=fake.target, overwrite=True, traffic=0, label="blue")
    deploy(workspace, bob, version, target=fake.target, overwrite=True, traffic=0)
    yield fake.visit(made, 6)
    unregister_fake()


def numbers(page) -> list[float]:
    return [float(page.locator(f"#share-{number}").input_value()) for number in (1, 2, 3)]


def test_slider_is_dragged_and_all_shares_sum_to_100(open_as, bob, service):
    page = open_as(bob, HERE)
    slider = page.get_by_label("Share of revision 2, slider")
    box = slider.bounding_box()
    page.mouse.move(box["x"] + 8, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2, steps=8)
    page.mouse.up()
    dragged = numbers(page)
    assert 15 < dragged[1] < 35
    assert (sum(dragged), dragged[2]) == (100, 0)
    expect(page.locator("[data-sum]")).to_have_text("100 %")

    page.locator("#share-2").fill("12.5")
    page.locator("#share-2").blur()
    assert numbers(page) == [87.5, 12.5, 0]
    page.locator("#share-2").press("Enter")  # as Apply, never one of the other buttons
    expect(page.get_by_text("The traffic of iris is changed.")).to_be_visible()
    assert shares_of(service) == {1: Share(87.5), 2: Share(12.5), 3: Share(0)}
    look(page, "traffic-tab")

    page.get_by_role("button", name="Promote revision 2").click()
    page.get_by_role("dialog").get_by_role("button", name="Promote revision 2").click()
    expect(page.locator("#share-1")).to_have_count(0)
    assert shares_of(service) == {2: ALL}


def test_stale_form_says_what_has_changed_and_keeps_what_was_typed(open_as, bob, alice, service):
    page = open_as(bob, HERE)
    change_traffic(Service.objects.get(pk=service.pk), alice, TrafficRequest(percents={2: 25, 3: 5}))
    page.expected.append("409")
    page.locator("#share-2").fill("40")
    page.locator("#share-2").press("Enter")
    expect(page.get_by_role("alert").first).to_contain_text("was changed after you had looked at it")
    expect(page.locator(".changes")).to_contain_text("Revision 2")
    assert numbers(page) == [60, 40, 0]
    look(page, "traffic-stale")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("The traffic of iris is changed.")).to_be_visible()
    assert shares_of(service) == {1: Share(60), 2: Share(40), 3: Share(0)}


def test_shadows_and_replicas_out_of_reach_as_a_viewer_sees_them(open_as, bob, carol, service, monkeypatch):
    change_traffic(Service.objects.get(pk=service.pk), bob, TrafficRequest(percents={2: 10}, mirrors={3: 20}))
    shadow = Shadow(41283, 157, 3, 12, {"probabilities": 0.2, "label": 1.0}, 0.42)
    monkeypatch.setattr(shadow_figures, "_readers", [lambda of: {3: shadow}])
    ejected = [f"{service.instances.get(revision__number=2).pk}-1"]
    FrontStatus.objects.create(name="front", started_at=timezone.now(), seen_at=timezone.now(), ejected=ejected)
    page = open_as(carol, HERE)
    expect(page.get_by_text("1 not reached by the front")).to_be_visible()
    expect(page.get_by_text("157 of 41,283 differ")).to_be_visible()
    expect(page.locator("#traffic").get_by_role("button")).to_have_count(0)
    look(page, "traffic-viewer")


def test_shares_change_without_a_script(sign_in, bob, service):
    client = sign_in(bob)
    fields = {"share-1": "90", "share-2": "10", "share-3": "0", "mirror-3": "5", "sticky_kind": "chance"}
    client.post("/w/vision/services/iris/traffic/", fields)
    assert shares_of(service) == {1: Share(90), 2: Share(10), 3: Share(0, 5)}
    told = client.post("/w/vision/services/iris/traffic/", fields | {"share-1": "95"}, follow=True).content.decode()
    assert "The shares sum to 105 %" in told
    assert shares_of(service) == {1: Share(90), 2: Share(10), 3: Share(0, 5)}
