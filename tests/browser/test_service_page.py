"""The page of a service in a real browser: well, failing, failed; its test, log, metrics and revisions."""

import json
import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import expect

from deployments.models import BuiltBundle
from deployments.services import scoring_client
from monitoring.models import MetricWindow
from registry.models import ModelVersion
from scoring.contract import bucket_of
from tests.browser.conftest import look
from tests.deployments.service_factories import deploy, make_fake_target
from tests.registry.factories import make_version
from tests.targets.fake.driver import FakeDriver, unregister_fake

HERE = "/w/vision/services/iris/"
REQUEST = "0f3c9d1e-7f7c-4111-a222-000000000001"
LOG = "\n".join(
    [
        "2026-11-28 16:18:25.100 I [9] scoring - loaded in 0.20 s",
        "2026-11-28 16:18:26.403 W [9] scoring - the queue is full",
        f"[{REQUEST}] reading 3 rows",
        f"[{REQUEST}] Traceback (most recent call last):",
        f'[{REQUEST}]   File "/opt/slipway/scoring/script/entry_script.py", line 88, in answer',
        f"[{REQUEST}]     result = self._run(body)",
        f'[{REQUEST}]   File "/data/bundles/0f3c9d1e0f3c9d1e0f3c9d1e0f3c9d1e/source/score.py", line 5, in run',
        f"[{REQUEST}]     return model[data]",
        f"[{REQUEST}] KeyError: 'x'",
        *(f"epoch {number}, {'a long line of text that has to be wrapped ' * 4}" for number in range(1, 40)),
        "",
    ]
)


@pytest.fixture
def fake(workspace, monkeypatch):
    cache.clear()
    yield make_fake_target(workspace, monkeypatch)
    unregister_fake()


@pytest.fixture
def service(workspace, bob, fake, monkeypatch):
    """Revision 2 answers, revision 1 did before; it is called and logs."""
    columns = ["sepal length", "sepal width", "petal length", "petal width"]
    properties = {"columns": columns, "classes": ["setosa", "virginica"], "ranges": {"petal width": [0.1, 2.5]}}
    first = deploy(workspace, bob, make_version(workspace, "iris"), target=fake.target, description="Kinds of flowers")
    BuiltBundle.objects.create(place="one", content_hash=first.revisions.get().content_hash)
    fake.visit(first, 4)
    second = make_version(workspace, "iris")
    config = {"memory_gb": 2, "environment_variables": {"LEVEL": "high"}}
    made = deploy(
        workspace,
        bob,
        second,
        target=fake.target,
        overwrite=True,
        deployment_config=config,
        reason="Better with sepals",
    )
    ModelVersion.objects.update(properties=properties)
    monkeypatch.setattr(FakeDriver, "logs", lambda self, ref, offset=0, limit=0, replica=1: (LOG[offset:], len(LOG)))
    return fake.visit(made, 10)


def call(service, *, ago: float, count: int, failing: int = 0) -> None:
    start = timezone.now() - timedelta(seconds=ago)
    buckets = {str(bucket_of(micros)): share for micros, share in ((400, count - 1), (9000, 1))}
    MetricWindow.objects.create(
        service=service,
        revision=2,
        replica="1",
        sequence=int(start.timestamp() * 1000),
        start=start,
        seconds=5,
        counters={"codes": {"200": count - failing, "500": failing}},
        histograms={"latency": buckets},
        gauges={"cpu": 0.4, "memory": 100_000_000},
    )


def test_healthy_service_header_is_one_line(open_as, bob, service):
    for ago in range(180, 0, -5):
        call(service, ago=ago, count=18)
    page = open_as(bob, HERE)
    headline = page.locator(".headline")
    expect(headline).to_contain_text("iris:2")
    expect(headline).to_contain_text("3.6 req/s")
    assert page.locator("nav.tabs").bounding_box()["y"] < 240
    look(page, "service-healthy")
    page.goto(page.url + "metrics/")
    expect(page.locator(".chart[data-ready=yes]")).to_have_count(6)
    look(page, "service-metrics-young")


def test_error_rate_is_shown_on_service_list_and_home(open_as, bob, service):
    call(service, ago=30, count=8, failing=8)
    page = open_as(bob, HERE)
    expect(page.locator(".headline")).to_contain_text("100 % errors")
    look(page, "service-failing")
    page.goto(page.url.split("services/")[0] + "services/")
    expect(page.get_by_role("region", name="Services")).to_contain_text("100 %")
    look(page, "services-failing")
    page.goto(page.url.replace("services/", ""))
    expect(page.get_by_role("region", name="Not healthy")).to_contain_text("100 % errors")
    look(page, "home-failing")
    page.get_by_role("link", name="See what failed").click()
    expect(page.locator(".log-request")).to_have_count(1)
    expect(page.locator(".log-entry")).to_have_count(1)


def test_failed_service_shows_its_cause_and_disables_send(open_as, workspace, bob, fake):
    fake.behave("failing")
    fake.visit(deploy(workspace, bob, make_version(workspace, "iris"), target=fake.target), 3)
    page = open_as(bob, HERE)
    expect(page.get_by_text("failed, no calls possible")).to_be_visible()
    look(page, "service-failed")
    page.get_by_role("link", name="Test", exact=True).click()
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    look(page, "service-failed-test")


def test_form_request_is_answered_with_a_table(open_as, bob, service, monkeypatch):
    sent = []
    answer = {
        "outputs": [
            {"name": "label", "shape": [1], "datatype": "INT64", "data": [1]},
            {"name": "probabilities", "shape": [1, 2], "datatype": "FP32", "data": [0.0825, 0.9175]},
        ]
    }
    headers = {"x-ms-run-fn-exec-ms": "0.412"}
    monkeypatch.setattr(
        scoring_client,
        "_call",
        lambda url, body, *_: (
            sent.append(json.loads(body)) or scoring_client.ScoreResult(200, headers, json.dumps(answer).encode(), 84.2)
        ),
    )
    page = open_as(bob, f"{HERE}?tab=test")
    page.get_by_label("petal width").fill("2.5")
    page.get_by_role("button", name="Send").click()
    result = page.locator("#test-result")
    expect(result).to_contain_text("virginica")
    expect(result).to_contain_text("run 0.41 ms, round trip from the studio 84 ms")
    assert sent[0]["inputs"][0]["data"] == [0.0, 0.0, 0.0, 2.5]
    look(page, "service-test-fields")
    page.get_by_role("tab", name="Java", exact=True).click()
    page.get_by_role("link", name="File or image").click()
    expect(page.get_by_label("File", exact=True)).to_be_visible()
    look(page, "service-test-file")


def test_log_is_filtered_and_unwrapped(open_as, bob, service):
    page = open_as(bob, f"{HERE}?tab=logs")
    log = page.get_by_role("log")
    expect(log).to_contain_text("1 frame of the scoring server")
    expect(page.get_by_label("Follow")).to_be_checked()
    look(page, "service-log")
    page.get_by_label("Wrap lines").uncheck()
    assert page.locator(".log-entry").first.evaluate("entry => getComputedStyle(entry).whiteSpace") == "pre"
    page.get_by_label("Level").select_option("error")
    expect(page).to_have_url(re.compile("level=error"))
    expect(page.locator(".log-entry")).to_have_count(1)
    look(page, "service-log-errors")


def test_revisions_and_rollback_dialog_list_changes(open_as, bob, service):
    page = open_as(bob, f"{HERE}?tab=revisions")
    expect(page.get_by_role("region", name="Revisions")).to_contain_text("iris:1 → iris:2")
    look(page, "service-revisions-changes")
    page.get_by_role("button", name="Roll back to revision 1").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 GB")
    expect(dialog.get_by_role("link", name="Cancel")).to_be_focused()
    look(page, "service-rollback-question")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_stop_asks_on_a_page_without_javascript(browser, live_server, bob, service, sign_in):
    context = browser.new_context(java_script_enabled=False)
    session = sign_in(bob).cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}{HERE}")
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Stop iris?")
    service.refresh_from_db()
    assert service.desired == "running"
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("It is being stopped.")).to_be_visible()
    service.refresh_from_db()
    assert service.desired == "stopped"
    context.close()
