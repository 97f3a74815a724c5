"""Rollouts in a real browser: started with a click, watched while they move, held, rolled back and done."""

from dataclasses import dataclass, field

import pytest
from playwright.sync_api import expect

from deployments.models import Rollout
from deployments.rollouts import judge, readings
from deployments.rollouts.cells import Arm, Cell
from deployments.services import rollouts
from deployments.services.rollouts import RolloutRequest
from deployments.traffic.shares import ALL, Share, shares_of
from scoring.contract import bucket_of
from tests.browser.conftest import look
from tests.deployments.service_factories import deploy, make_fake_target
from tests.registry.factories import make_version
from tests.targets.fake.driver import unregister_fake

HERE = "/w/vision/services/iris/?tab=traffic"


def answers(requests: int, failed: int = 0, *, milliseconds: float = 4.0) -> Arm:
    """Times spread evenly up to twice as long; four of a hundred take three times as long."""
    times: dict[int, int] = {}
    for part in range(100):
        factor = 3 if part >= 96 else 1 + part / 96
        bucket = bucket_of(int(1000 * milliseconds * factor))
        times[bucket] = times.get(bucket, 0) + requests // 100
    return Arm(requests, failed, 0, {"infer": times, "latency": times})


@dataclass
class Requests:
    """What both revisions answer in each cell from now on."""

    candidate: Arm = field(default_factory=lambda: answers(400, 1))
    control: Arm = field(default_factory=lambda: answers(1200, 4))

    def __call__(self, question: readings.Question) -> list[Cell]:
        return [Cell(number, self.candidate, self.control) for number in range(question.first, question.last + 1)]


@pytest.fixture
def requests():
    before = list(readings._readers)
    made = Requests()
    readings.register(made)
    yield made
    readings._readers[:] = before


@pytest.fixture
def fake(workspace, monkeypatch):
    yield make_fake_target(workspace, monkeypatch)
    unregister_fake()


@pytest.fixture
def service(workspace, bob, fake):
    """Revision 1 answers; revision 2, blue, runs beside it with 0 %."""
    made = deploy(workspace, bob, make_version(workspace, "iris"), target=fake.target)
    fake.visit(made, 5)
    second = make_version(workspace, "iris")
    deploy(workspace, bob, second, target=fake.target, overwrite=True, traffic=0, label="blue")
    return fake.visit(made, 6)


def judged(fake, service, cells: int) -> None:
    for _ in range(cells):
        fake.wait(5)
        judge.judge_all()
        fake.visit(service, every=0)


def test_rollout_is_started_with_one_click_and_watched_until_it_is_done(open_as, bob, fake, service, requests):
    page = open_as(bob, HERE)
    look(page, "rollout-start")
    page.get_by_text("Steps, guards, warm-up").click()
    page.get_by_label("Step 1", exact=True).fill("25")
    page.get_by_label("Step 2", exact=True).fill("100")
    for number in (3, 4):
        page.get_by_label(f"Step {number}", exact=True).fill("")
        page.get_by_label(f"for step {number}", exact=True).fill("")
    for number in (1, 2):
        page.get_by_label(f"for step {number}", exact=True).fill("1m")
    page.get_by_label("Warm-up requests").fill("0")
    page.get_by_label("Why", exact=False).last.fill("retrained with the weekend")
    expect(page.get_by_text("--steps 25,100 --bake 1m --warm 0 --reason 'retrained")).to_be_attached()
    look(page, "rollout-form")
    page.get_by_role("button", name="Start the rollout").click()

    expect(page.locator("#rollout [role=status]")).to_have_text("Revision 2 is starting and gets no requests yet.")
    expect(page.locator("#share-2")).to_be_disabled()
    expect(page.get_by_text("The rollout to revision 2 moves the shares")).to_be_visible()
    look(page, "rollout-waiting")
    judged(fake, service, 8)
    expect(page.locator("#rollout [role=status]")).to_have_text("Revision 2 gets 25 %, step 1 of 2.")
    expect(page.locator("#share-2")).to_have_value("25")
    expect(page.locator(".guards > li")).to_have_count(2)
    look(page, "rollout-judging")

    page.get_by_role("button", name="Roll back").focus()
    judged(fake, service, 6)
    expect(page.locator("#rollout [role=status]")).to_have_text("Revision 2 gets 95 %, step 2 of 2.")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Roll back", "focus survives the refreshes"

    judged(fake, service, 13)
    expect(page.locator("#rollout [role=status]")).to_have_text("Revision 2 gets all requests.")
    expect(page.locator("#share-2")).to_be_enabled()
    assert shares_of(service) == {2: ALL}
    look(page, "rollout-done")


def test_rollout_is_paused_and_resumed_and_rolled_back_with_a_question(open_as, bob, fake, service, requests):
    rollouts.start(service, bob, RolloutRequest(revision=2, warm_requests=0))
    judged(fake, service, 3)
    page = open_as(bob, HERE)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#rollout [role=status]")).to_contain_text("Paused: it does not advance")
    look(page, "rollout-paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()

    page.get_by_role("button", name="Next step").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Revision 2 then gets 25 % of the requests")
    judged(fake, service, 1)
    page.wait_for_timeout(2500)  # the page below refreshes itself
    dialog.get_by_role("button", name="Next step").click()
    expect(page.locator("#rollout [role=status]")).to_have_text("Revision 2 gets 25 %, step 2 of 4.")

    page.get_by_role("button", name="Roll back").click()
    expect(page.get_by_role("dialog")).to_contain_text("Roll iris back to revision 1?")
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(page.locator("#rollout [role=status]")).to_have_text("Revision 1 gets all requests again.")
    assert shares_of(service) == {1: ALL}
    look(page, "rollout-aborted")


def test_overview_shows_the_rollout_while_it_moves_and_why_it_went_back(open_as, bob, fake, service, requests):
    rollouts.start(service, bob, RolloutRequest(revision=2, warm_requests=0))
    judged(fake, service, 3)
    page = open_as(bob, "/w/vision/services/iris/")
    expect(page.locator(".headline")).to_contain_text("revision 2 gets 5 %, step 1 of 4")
    look(page, "rollout-overview")
    requests.candidate = answers(400, 40, milliseconds=9)
    judged(fake, service, 4)
    expect(page.locator("#rollout")).to_contain_text("Rolled back")
    expect(page.locator("#rollout [role=status]")).to_have_text("Revision 1 gets all requests again.")
    page.goto(page.url.partition("/w/")[0] + HERE)
    look(page, "rollout-rolled-back")


def test_step_with_too_few_requests_is_held(open_as, bob, fake, service, requests):
    requests.candidate = Arm(1)
    rollouts.start(service, bob, RolloutRequest(revision=2, steps=rollouts.DEFAULT_STEPS[1:], warm_requests=0))
    Rollout.objects.update(reason="a quiet night")
    judged(fake, service, 185)
    page = open_as(bob, HERE)
    expect(page.locator("#rollout [role=status]")).to_contain_text("Held: the bake has ended")
    look(page, "rollout-held")
    page.get_by_role("button", name="Go on watching").click()
    expect(page.locator("#rollout [role=status]")).to_have_text("Revision 2 gets 25 %, step 1 of 3.")
    assert shares_of(service) == {1: Share(75), 2: Share(25)}
    page.goto(page.url.partition("/w/")[0] + "/w/vision/services/")
    expect(page.get_by_text("revision 2 gets 25 %, step 1 of 3")).to_be_visible()
    look(page, "rollout-in-the-list")
