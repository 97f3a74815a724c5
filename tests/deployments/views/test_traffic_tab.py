"""The tab Traffic: the split, what runs, questions before what callers notice, and who sees which control."""

import re

import pytest

from deployments.models import BuiltBundle, Service
from deployments.services.traffic import TrafficRequest, change_traffic
from deployments.traffic.shares import ALL, Share, shares_of
from tests.deployments.service_factories import deploy
from tests.pages import text_of, url

pytestmark = pytest.mark.django_db

HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def both(workspace, bob, iris, fake, service):
    """Revision 1 answers; revision 2, blue, runs beside it with 0 %."""
    fake.visit(service, 5)
    deploy(workspace, bob, iris, overwrite=True, target=fake.target, traffic=0, label="blue")
    BuiltBundle.objects.create(place="one", content_hash=service.revisions.get(number=2).content_hash)
    return fake.visit(service, 5)


def tab(client, **more):
    return client.get(url("service_detail", name="iris"), {"tab": "traffic"}, **more)


def fields_of(page: str) -> dict[str, str]:
    """What the form of the split would send, as it was drawn."""
    form = re.search(r'<form id="split-form".*?</form>', page, re.DOTALL)[0]
    inputs = re.findall(r"<input\b[^>]*>", form)
    named = {re.search(r'name="([^"]+)"', one)[1]: one for one in inputs if 'name="' in one}
    values = {name: re.search(r'value="([^"]*)"', one) for name, one in named.items()}
    found = {name: value[1].replace("&quot;", '"') if value else "" for name, value in values.items()}
    return found | {"sticky_kind": "chance"}


def send(client, **fields):
    return client.post(url("service_traffic", name="iris"), fields_of(text_of(tab(client))) | fields)


class TestSplit:
    def test_shares_copies_stickiness_and_hosts_are_applied(self, sign_in, bob, both):
        wanted = {"share-1": "90", "share-2": "10", "sticky_kind": "header", "sticky_name": "x-user"}
        answer = send(sign_in(bob), **wanted, hosts="iris.example.com, www.example.com")
        assert answer.status_code == 302
        both.refresh_from_db()
        assert shares_of(both) == {1: Share(90), 2: Share(10)}
        assert both.sticky == {"header": "x-user"}
        assert sorted(host.name for host in both.hosts.all()) == ["iris.example.com", "www.example.com"]
        page = text_of(tab(sign_in(bob)))
        command = "slipway service traffic iris 1=90 2=10 --sticky header:x-user --host iris.example.com"
        assert f"{command} --host www.example.com" in page
        assert "1 = 90 %, 2 = 10 %" in page, "in the history"

    def test_form_that_was_drawn_before_another_change_overwrites_nothing(self, sign_in, bob, alice, both):
        client = sign_in(bob)
        drawn = fields_of(text_of(tab(client)))
        change_traffic(
            Service.objects.get(pk=both.pk), alice, TrafficRequest(percents={2: 25}, hosts=["a.example.com"])
        )

        answer = client.post(url("service_traffic", name="iris"), drawn | {"share-1": "40", "share-2": "60"})

        assert answer.status_code == 409
        assert shares_of(both) == {1: Share(75), 2: Share(25)}
        changes = [(change.label, change.before, change.after) for change in answer.context["changes"]]
        assert changes == [
            ("Revision 1", "100 %", "75 %"),
            ("Revision 2", "0 %", "25 %"),
            ("Host names", "none", "a.example.com"),
        ]
        again = fields_of(text_of(answer))
        assert (again["share-1"], again["share-2"], again["hosts"]) == ("40", "60", ""), "what was typed stays"
        assert client.post(url("service_traffic", name="iris"), again).status_code == 302, "knowing what is there"
        assert shares_of(both) == {1: Share(40), 2: Share(60)}

    @pytest.mark.parametrize(
        ("field", "typed", "said"),
        [
            ("share-2", "20", "The shares sum to 120 %"),
            ("share-2", "many", "&#x27;many&#x27; is no number."),
            ("hosts", "not a host!", "&#x27;host!&#x27; is no host name."),
            ("mirror-2", "500", "500 % for revision 2 is not between 0 and 100 %."),
        ],
    )
    def test_wrong_input_is_told_beside_what_was_typed(self, sign_in, bob, both, field, typed, said):
        answer = send(sign_in(bob), **{field: typed, "reason": "weekend"})
        assert answer.status_code == 400
        assert said in text_of(answer)
        kept = fields_of(text_of(answer))
        assert (kept[field], kept["reason"]) == (typed, "weekend")
        assert shares_of(both) == {1: ALL, 2: Share(0)}

    def test_command_line_follows_the_form(self, sign_in, bob, both):
        client = sign_in(bob)
        fields = {
            "share-1": "95",
            "share-2": "5",
            "mirror-2": "0",
            "sticky_kind": "chance",
            "hosts": "",
            "reason": "a b",
        }
        shown = text_of(client.post(url("service_traffic_command", name="iris"), fields, **HTMX))
        assert "slipway service traffic iris 1=95 2=5 --sticky none --host none --reason &#x27;a b&#x27;" in shown
        wrong = text_of(client.post(url("service_traffic_command", name="iris"), fields | {"share-2": "x"}, **HTMX))
        assert "# &#x27;x&#x27; is no number." in wrong
        assert shares_of(both) == {1: ALL, 2: Share(0)}

    def test_drawn_state_that_is_no_form_s_is_left_out(self, sign_in, bob, alice, both):
        client = sign_in(bob)
        for seen in ("", "x", "[]", '{"rows": 1}', '{"rows": {"1": "x"}, "sticky": {}, "hosts": []}'):
            answer = send(client, generation="1", seen=seen)
            assert (answer.status_code, answer.context["traffic_error"].code) == (409, "traffic_changed")


class TestQuestions:
    def ask(self, client, where, number=2):
        return client.get(url(where, name="iris"), {"revision": number})

    def test_promotion_names_what_it_does_to_shares(self, sign_in, bob, both):
        client = sign_in(bob)
        question = self.ask(client, "service_promote").context["question"]
        assert [(one.label, one.before, one.after) for one in question.changes] == [
            ("Revision 1", "100 %", "stopped"),
            ("Revision 2", "0 %", "100 %"),
        ]
        client.post(url("service_promote", name="iris"), {"revision": 2})
        assert shares_of(both) == {2: ALL}

    def test_only_the_default_revision_is_left(self, sign_in, bob, both):
        client = sign_in(bob)
        assert "It is the default revision." in text_of(self.ask(client, "service_traffic_abort"))
        client.post(url("service_traffic_abort", name="iris"))
        assert shares_of(both) == {1: ALL}

    def test_revision_without_replicas_is_asleep(self, sign_in, carol, fake, both):
        client = sign_in(carol)
        assert text_of(tab(client)).count("1 of 1 ready") == 2
        both.instances.filter(revision__number=2).update(replicas=0)
        fake.visit(both, 3)
        page = text_of(tab(client))
        assert (page.count("1 of 1 ready"), len(re.findall(r"Replicas\W+asleep|>\s*asleep\s*<", page))) == (1, 1)

    def test_share_of_a_stopped_revision_goes_to_the_default_one(self, sign_in, bob, both):
        client = sign_in(bob)
        send(client, **{"share-1": "60", "share-2": "40"})
        changes = self.ask(client, "service_take_out").context["question"].changes
        assert [(one.before, one.after) for one in changes] == [("60 %", "100 %"), ("40 %", "stopped")]
        client.post(url("service_take_out", name="iris"), {"revision": 2})
        assert shares_of(both) == {1: ALL}

    def test_refusal_is_told_in_place_of_the_question(self, sign_in, bob, workspace, iris, fake, both):
        deploy(workspace, bob, iris, overwrite=True, target=fake.target)
        for where in ("service_promote", "service_traffic_abort", "service_take_out"):
            assert "the update to revision 3 is under way" in text_of(self.ask(sign_in(bob), where))


class TestRoles:
    ACTIONS = ("service_promote", "service_traffic_abort", "service_take_out", "rollout_abort", "rollout_pause")

    def test_viewer_looks_and_changes_nothing(self, sign_in, carol, both):
        page = text_of(tab(sign_in(carol)))
        assert "Revision 2" in page
        assert all(url(where, name="iris") not in page for where in self.ACTIONS)
        card = re.search(r'<section[^>]*"split-head">.*?</section>', page, re.DOTALL)[0]
        shown = re.findall(r"<(?:input|select)\b[^>]*>", card)
        assert len(shown) == 6
        assert all("disabled" in one for one in shown)
        assert "<form" not in card

    @pytest.mark.parametrize("who", ["alice", "bob"])
    def test_contributors_and_admins_get_the_controls(self, sign_in, both, who, request):
        page = text_of(tab(sign_in(request.getfixturevalue(who))))
        for where in ("service_promote", "service_traffic_abort", "service_take_out", "service_rollout"):
            assert url(where, name="iris") in page


class TestWhatRuns:
    def test_it_refreshes_itself_often_while_something_moves(self, sign_in, bob, workspace, iris, fake, both):
        client = sign_in(bob)
        where = url("service_running", name="iris")
        assert 'hx-trigger="every 10s"' in text_of(client.get(where, **HTMX))
        fake.world.behaving[3] = "slow"
        deploy(workspace, bob, iris, overwrite=True, target=fake.target, traffic=0)
        assert 'hx-trigger="every 2s"' in text_of(client.get(where, **HTMX))
        assert client.get(where).status_code == 302

    def test_shadow_without_a_compared_copy_says_so(self, sign_in, carol, bob, both):
        change_traffic(Service.objects.get(pk=both.pk), bob, TrafficRequest(percents={}, mirrors={2: 20}))
        page = text_of(tab(sign_in(carol)))
        assert "copies of 20 % of the others" in page
        assert "No copy has been compared yet." in page

    def test_figures_of_a_shadow(self, sign_in, carol, bob, both, monkeypatch):
        from deployments.services import traffic

        shadow = {"compared": 41283, "disagreed": 157, "failed": 3, "dropped": 12, "slower_ms": 0.42}
        shown = traffic.describe_traffic(both)
        shown["revisions"][1] |= {"mirror_percent": 20.0, "shadow": shadow | {"outputs": {"probabilities": 0.184}}}
        monkeypatch.setattr(traffic, "describe_traffic", lambda service: shown)
        page = " ".join(text_of(tab(sign_in(carol))).split())
        for figure in ("157 of 41,283 differ", "99.62", "0.184", "largest distance", "0.42", "12 not sent"):
            assert figure in page

    def test_service_without_a_built_revision(self, sign_in, carol, workspace, bob, iris, fake):
        deploy(workspace, bob, iris, target=fake.target, built=False)
        assert "Nothing gets requests yet" in text_of(tab(sign_in(carol)))
