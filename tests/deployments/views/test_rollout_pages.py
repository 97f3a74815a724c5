"""Rollouts on a service's page: the form, the card, questions, roles, and what was before."""

import re

import pytest

from deployments.models import BuiltBundle, Rollout, Service
from deployments.rollouts.guards import DEFAULT_GUARDS, Guard
from deployments.rollouts.moving import plan_of
from deployments.rollouts.steps import Plan, Step
from deployments.services import rollouts
from deployments.services.rollouts import DEFAULT_STEPS, RolloutRequest
from deployments.traffic.shares import ALL, Share, shares_of
from deployments.views.rollout_form import command
from studio.activity.models import Event
from tests.deployments.service_factories import deploy
from tests.pages import text_of, url, words_of

pytestmark = pytest.mark.django_db

HTMX = {"HTTP_HX_REQUEST": "true"}
FORM = {
    "rollout-revision": "2",
    "rollout-errors_on": "on",
    "rollout-errors_ratio": "1.25",
    "rollout-errors_points": "0.2",
    "rollout-time_on": "on",
    "rollout-time_metric": "infer",
    "rollout-time_quantile": "0.95",
    "rollout-time_ratio": "1.25",
    "rollout-client_errors_ratio": "1.25",
    "rollout-client_errors_points": "0.2",
    "rollout-agreement_points": "0.5",
    "rollout-event_better": "lower",
    "rollout-event_ratio": "1.25",
    "rollout-event_points": "0.2",
    "rollout-shadow_bake": "5m",
    "rollout-warm_requests": "200",
}


def steps(*rows: tuple[str, str]) -> dict[str, str]:
    fields = {"step-TOTAL_FORMS": str(len(rows)), "step-INITIAL_FORMS": "4"}
    for number, (percent, bake) in enumerate(rows):
        fields |= {f"step-{number}-percent": percent, f"step-{number}-bake": bake}
    return fields


DEFAULTS = steps(("5", "5m"), ("25", "5m"), ("50", "5m"), ("100", "5m"), ("", ""))


@pytest.fixture
def both(workspace, bob, iris, fake, service):
    """Revision 1 answers; revision 2 runs beside it with 0 %."""
    fake.visit(service, 5)
    deploy(workspace, bob, iris, overwrite=True, target=fake.target, traffic=0)
    BuiltBundle.objects.create(place="one", content_hash=service.revisions.get(number=2).content_hash)
    return fake.visit(service, 5)


def start(client, **fields):
    return client.post(url("service_rollout", name="iris"), FORM | DEFAULTS | fields)


def tab(client):
    return client.get(url("service_detail", name="iris"), {"tab": "traffic"})


class TestForm:
    def test_one_click_starts_the_default_rollout(self, sign_in, bob, both):
        page = tab(sign_in(bob))
        form = page.context["form"]
        assert [number for number, _ in form.fields["revision"].choices] == [2]
        assert "slipway service rollout start iris 2 --steps 5,25,50,100 --bake 5m" in text_of(page)
        assert "Nobody asks this service at the moment." in text_of(page)

        assert start(sign_in(bob)).status_code == 302
        assert plan_of(Rollout.objects.get()) == Plan(DEFAULT_STEPS, DEFAULT_GUARDS, 200)

    def test_steps_guards_shadow_and_warm_up_are_as_typed(self, sign_in, bob, both):
        wanted = FORM | {
            "rollout-errors_on": "",
            "rollout-time_metric": "latency",
            "rollout-time_quantile": "0.99",
            "rollout-agreement_on": "on",
            "rollout-agreement_points": "2",
            "rollout-event_on": "on",
            "rollout-event_name": "unknown_category",
            "rollout-event_ratio": "1.5",
            "rollout-shadow": "20",
            "rollout-shadow_bake": "1h",
            "rollout-warm_requests": "0",
            "rollout-reason": "better",
        }
        rows = steps(("12.5", "90s"), ("", ""), ("100", "0"))
        assert sign_in(bob).post(url("service_rollout", name="iris"), wanted | rows).status_code == 302
        rollout = Rollout.objects.get()
        assert rollout.reason == "better"
        assert plan_of(rollout) == Plan(
            (Step(0, 3600, 20), Step(12.5, 90), Step(100, 0)),
            (
                Guard(kind="time", metric="latency", quantile=0.99),
                Guard(kind="agreement", difference=0.02),
                Guard(kind="event", event="unknown_category", ratio=1.5),
            ),
            0,
        )

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            (steps(("5", "soon")), "&#x27;soon&#x27; is no duration. Write 90s, 5m or 1h."),
            (steps(("", "5m")), "Say which share, or leave both empty."),
            (steps(("50", "5m"), ("25", "5m")), "The shares of the steps must rise"),
            (steps(("500", "5m")), "Ensure this value is less than or equal to 100."),
            (steps(("", "")), "A rollout has 1 to 20 steps."),
            ({"rollout-errors_on": "", "rollout-time_on": ""}, "A rollout needs a guard."),
            ({"rollout-revision": "7"}, "Select a valid choice."),
            ({"rollout-event_on": "on"}, "Say which event, as the script logs it."),
            ({"rollout-event_on": "on", "rollout-event_name": "two words"}, "Letters, digits and . _ - alone."),
            ({"rollout-agreement_on": "on"}, "Nothing can be said of agreement without copies."),
        ],
    )
    def test_wrong_input_is_told_beside_what_was_typed(self, sign_in, bob, both, fields, said):
        answer = start(sign_in(bob), **fields, **{"rollout-reason": "weekend"})
        assert answer.status_code in {400, 422}
        page = text_of(answer)
        assert said in page
        assert 'value="weekend"' in page
        for value in filter(None, fields.values()):
            assert value in page
        assert not Rollout.objects.exists()

    def test_preview_follows_the_form_and_changes_nothing(self, sign_in, bob, both, monkeypatch):
        monkeypatch.setattr("deployments.views.rollout_preview.present_rate", lambda service: 100.0)
        fields = FORM | steps(("50", "2m"), ("100", "1m"))
        shown = text_of(sign_in(bob).post(url("rollout_preview", name="iris"), fields, **HTMX))
        assert "slipway service rollout start iris 2 --steps 50:2m,100:1m" in shown
        assert "About 3 min with the present 100 requests a second." in shown
        wrong = text_of(sign_in(bob).post(url("rollout_preview", name="iris"), fields | steps(("x", "")), **HTMX))
        assert "slipway" not in wrong
        assert not Rollout.objects.exists()

    def test_without_a_second_revision_the_next_step_is_shown(self, sign_in, bob, fake, service):
        fake.visit(service, 5)
        page = text_of(tab(sign_in(bob)))
        assert "No other revision is built that could take over." in page
        assert f"{url('deploy')}?service=iris&amp;beside=1" in page

    def test_command_says_what_differs_from_the_defaults(self):
        plan = Plan((Step(0, 300, 20), Step(100, 300)), (Guard(kind="errors", ratio=2), Guard(kind="time")), 50)
        assert command("iris", 2, plan, "it's new") == (
            "slipway service rollout start iris 2 --shadow 20 --steps 100 --bake 5m --guard errors:ratio=2 "
            "--guard time --warm 50 --reason 'it'\"'\"'s new'"
        )


class TestUnderWay:
    @pytest.fixture
    def rolling(self, bob, both):
        service = Service.objects.select_related("workspace").get()
        rollouts.start(service, bob, RolloutRequest(revision=2, reason="new"))
        return both

    def test_split_is_locked_with_a_sentence_and_a_link(self, sign_in, bob, rolling):
        page = text_of(tab(sign_in(bob)))
        assert "The rollout to revision 2 moves the shares while it is under way." in page
        assert 'href="#rollout"' in page
        assert 'id="split-form"' not in page
        refused = sign_in(bob).post(url("service_traffic", name="iris"), {"share-1": "50", "share-2": "50"})
        assert (refused.status_code, refused.context["traffic_error"].code) == (409, "operation_under_way")

    def test_header_list_and_overview_say_so(self, sign_in, carol, rolling):
        client = sign_in(carol)
        overview = text_of(client.get(url("service_detail", name="iris")))
        assert "Rollout: starting revision 2 gets 0 %" in words_of(overview, "headline")
        assert "Rollout of revision 2" in overview
        assert "revision 2 gets 0 %" in text_of(client.get(url("service_list")))

    def test_page_refreshes_itself_until_the_end(self, sign_in, bob, carol, rolling):
        client = sign_in(carol)
        for where in ("service_traffic", "service_rollout"):
            assert 'hx-trigger="every 2s"' in text_of(client.get(url(where, name="iris"), **HTMX))
            assert client.get(url(where, name="iris")).status_code == 302
        rollouts.abort(Service.objects.get(), bob)
        for where in ("service_traffic", "service_rollout"):
            ended = text_of(client.get(url(where, name="iris"), **HTMX))
            assert 'hx-trigger="every 2s"' not in ended
            assert "Revision 1 gets all requests again." in ended

    def test_pause_and_resume_act_at_once(self, sign_in, bob, rolling):
        client = sign_in(bob)
        client.post(url("rollout_pause", name="iris"))
        assert Rollout.objects.get().is_paused
        assert url("rollout_resume", name="iris") in text_of(tab(client))
        client.post(url("rollout_resume", name="iris"))
        assert not Rollout.objects.get().is_paused

    def test_rolling_back_asks_first(self, sign_in, bob, rolling):
        client = sign_in(bob)
        question = text_of(client.get(url("rollout_abort", name="iris")))
        assert "Roll iris back to revision 1?" in question
        assert Rollout.objects.get().ended_at is None
        client.post(url("rollout_abort", name="iris"))
        assert shares_of(rolling) == {1: ALL}
        assert "No rollout of &#x27;iris&#x27; is under way." in text_of(client.get(url("rollout_abort", name="iris")))

    def test_next_step_says_what_it_gives(self, sign_in, bob, rolling):
        client = sign_in(bob)
        assert "Revision 2 then gets 5 % of the requests" in text_of(client.get(url("rollout_advance", name="iris")))
        refused = client.post(url("rollout_advance", name="iris"))
        assert "has not begun" in text_of(refused)
        assert shares_of(rolling) == {1: ALL, 2: Share(0)}

    def test_history_tells_how_rollouts_ended_and_why(self, sign_in, bob, carol, rolling):
        rollouts.abort(Service.objects.get(), bob)
        page = " ".join(re.sub(r"<[^>]+>", " ", text_of(tab(sign_in(carol)))).split())
        assert "2 instead of 1 5 %, 25 %, 50 %, 100 % Aborted" in page
        assert "Bob aborted it “new”" in page
        reasons = Event.objects.filter(action="service.traffic_changed").values_list("reason", flat=True)
        assert "Rollout to revision 2: bob aborted it" in reasons

    @pytest.mark.parametrize("who", ["carol", "bob", "alice"])
    def test_controls_by_role(self, sign_in, rolling, who, request):
        page = text_of(tab(sign_in(request.getfixturevalue(who))))
        for where in ("rollout_pause", "rollout_abort"):
            assert (url(where, name="iris") in page) == (who != "carol")


def test_update_may_run_beside_the_others(sign_in, bob, fake, service):
    fake.visit(service, 5)
    client = sign_in(bob)
    form = client.get(url("deploy"), {"service": "iris", "beside": "1"}).context["form"]
    assert form["beside"].value() == "1"
    posted = {name: form[name].value() or "" for name in form.fields} | {"service": "iris", "models": "iris:1"}
    assert "--overwrite --traffic 0" in text_of(client.post(url("deploy_commands"), posted)).replace(" \\\n ", "")
    answer = client.post(url("deploy"), posted)
    assert answer.headers["location"].endswith("?tab=traffic")
    assert shares_of(service) == {1: ALL, 2: Share(0)}
