"""The list of services and a service's page by role, without JavaScript and as htmx asks for them."""

import pytest

from deployments.models import BuiltBundle, Desired, Phase, Service
from deployments.services import lifecycle
from tests.deployments.service_factories import deploy
from tests.pages import text_of, url

pytestmark = pytest.mark.django_db

TABS = ("overview", "test", "metrics", "logs", "revisions", "settings")


@pytest.fixture
def service(fake, service):
    """Healthy, as the loop has seen it."""
    return fake.visit(service, 2)


class TestTheList:
    def test_teaches_when_there_is_nothing(self, sign_in, bob, workspace):
        assert "No services yet" in text_of(sign_in(bob).get(url("service_list")))

    def test_shows_state_models_and_address(self, sign_in, carol, service):
        page = text_of(sign_in(carol).get(url("service_list")))
        assert "Healthy" in page
        assert "iris:1" in page
        assert f"http://127.0.0.1:{service.port}/score" in page

    def test_asks_again_only_while_something_moves(self, sign_in, bob, fake, service):
        client = sign_in(bob)
        rows = {"HTTP_HX_REQUEST": "true"}
        assert "every 2s" not in text_of(client.get(url("service_list"), **rows))
        lifecycle.stop(service, bob)
        assert "every 2s" in text_of(client.get(url("service_list"), **rows))

    def test_filters_by_state_and_name(self, sign_in, bob, service):
        client = sign_in(bob)

        def found(**query):
            return [row[0].name for row in client.get(url("service_list"), query).context["rows"]]

        assert found(state="Healthy") == found(q="iri") == ["iris"]
        assert found(state="Failed") == found(q="zzz") == []

    def test_asks_the_database_as_often_for_three_as_for_one(
        self, sign_in, bob, workspace, iris, fake, django_assert_max_num_queries
    ):
        for name in ("a", "b", "c"):
            deploy(workspace, bob, iris, target=fake.target, name=name)
        client = sign_in(bob)
        with django_assert_max_num_queries(22):
            client.get(url("service_list"))

    def test_is_of_one_workspace(self, sign_in, mallory, service):
        assert sign_in(mallory).get(url("service_list")).status_code == 404


class TestThePage:
    @pytest.mark.parametrize("tab", TABS)
    @pytest.mark.parametrize("who", ["alice", "bob", "carol"])
    def test_opens_on_every_tab_for_every_member(self, sign_in, service, tab, who, request):
        person = request.getfixturevalue(who)
        answer = sign_in(person).get(url("service_detail", name="iris") + f"?tab={tab}")
        assert answer.status_code == 200
        assert "Three kinds of flowers" in text_of(answer)

    @pytest.mark.parametrize("tab", TABS)
    def test_holds_no_inline_script_or_style(self, sign_in, bob, service, tab):
        page = text_of(sign_in(bob).get(url("service_detail", name="iris") + f"?tab={tab}"))
        assert " style=" not in page
        assert " onclick=" not in page
        assert "<script>" not in page

    def test_shows_desired_beside_observed(self, sign_in, bob, fake, service):
        client = sign_in(bob)
        same = client.get(url("service_detail", name="iris")).context["comparison"]
        assert [row.differs for row in same] == [False, False, False]
        lifecycle.stop(service, bob)
        other = client.get(url("service_detail", name="iris")).context["comparison"]
        assert [row.differs for row in other] == [True, True, True]

    def test_shows_cause_hint_and_evidence_of_a_failure(self, sign_in, carol, workspace, bob, iris, fake):
        fake.behave("failing")
        fake.visit(deploy(workspace, bob, iris, target=fake.target), 3)
        page = text_of(sign_in(carol).get(url("service_detail", name="iris")))
        assert "init() raised KeyError" in page
        assert "Read the traceback below" in page
        assert "Traceback …" in page

    @pytest.mark.parametrize("tab", TABS)
    def test_gives_a_viewer_no_buttons_that_change_and_no_keys(self, sign_in, carol, service, tab):
        page = text_of(sign_in(carol).get(url("service_detail", name="iris") + f"?tab={tab}"))
        for address in (
            "service_stop",
            "service_start",
            "service_rollback",
            "service_delete",
            "service_keys",
            "service_test",
            "service_regenerate_key",
        ):
            assert url(address, name="iris") not in page
        for key in service.keys.all():
            assert key.value not in page

    @pytest.mark.parametrize("tab", TABS)
    def test_shows_no_key_to_a_contributor_before_they_ask(self, sign_in, bob, service, tab):
        page = text_of(sign_in(bob).get(url("service_detail", name="iris") + f"?tab={tab}"))
        for key in service.keys.all():
            assert key.value not in page

    def test_of_a_service_that_does_not_exist_is_not_found(self, sign_in, bob, workspace):
        assert sign_in(bob).get(url("service_detail", name="nothing")).status_code == 404

    def test_is_unknown_to_strangers(self, sign_in, mallory, service):
        assert sign_in(mallory).get(url("service_detail", name="iris")).status_code == 404


class TestTheLivePart:
    def test_asks_again_while_something_moves_and_then_no_more(self, sign_in, bob, fake, service):
        client = sign_in(bob)
        assert "every 2s" not in text_of(client.get(url("service_status", name="iris")))
        lifecycle.stop(service, bob)
        assert "every 2s" in text_of(client.get(url("service_status", name="iris")))
        fake.visit(service, 2)
        assert "every 2s" not in text_of(client.get(url("service_status", name="iris")))

    def test_sends_the_browser_to_the_list_when_the_service_is_gone(self, sign_in, bob, service):
        Service.objects.all().delete()
        answer = sign_in(bob).get(url("service_status", name="iris"))
        assert (answer.status_code, answer["HX-Redirect"]) == (204, url("service_list"))


class TestTheButtons:
    def test_stop_and_start(self, sign_in, bob, service):
        client = sign_in(bob)
        assert client.post(url("service_stop", name="iris"))["Location"] == url("service_detail", name="iris")
        assert Service.objects.get().desired == Desired.STOPPED
        client.post(url("service_start", name="iris"))
        assert Service.objects.get().desired == Desired.RUNNING

    def test_delete_asks_first(self, sign_in, bob, service):
        client = sign_in(bob)
        question = text_of(client.get(url("service_delete", name="iris")))
        assert "Delete iris?" in question
        assert Service.objects.get().desired == Desired.RUNNING
        assert client.post(url("service_delete", name="iris"))["Location"] == url("service_list")
        assert Service.objects.get().desired == Desired.DELETED
        assert "Deleting" in text_of(client.get(url("service_list")))

    def test_keys_are_shown_on_request_and_never_cached(self, sign_in, bob, service):
        answer = sign_in(bob).get(url("service_keys", name="iris"))
        assert all(key.value in text_of(answer) for key in service.keys.all())
        assert "no-store" in answer["Cache-Control"]

    def test_a_key_is_made_anew(self, sign_in, bob, service):
        before = service.keys.get(slot="secondary").value
        sign_in(bob).post(url("service_regenerate_key", name="iris"), {"slot": "secondary"})
        assert service.keys.get(slot="secondary").value != before

    @pytest.mark.parametrize(
        ("method", "page"),
        [
            ("post", "service_stop"),
            ("post", "service_start"),
            ("post", "service_rollback"),
            ("get", "service_delete"),
            ("post", "service_delete"),
            ("get", "service_keys"),
            ("post", "service_regenerate_key"),
            ("post", "service_test"),
        ],
    )
    def test_are_not_for_viewers(self, sign_in, carol, service, method, page):
        answer = getattr(sign_in(carol), method)(url(page, name="iris"), {"slot": "primary"})
        assert answer.status_code == 403
        assert Service.objects.get().desired == Desired.RUNNING

    @pytest.mark.parametrize(
        "page", ["service_stop", "service_start", "service_rollback", "service_regenerate_key", "service_test"]
    )
    def test_do_nothing_when_they_are_only_looked_at(self, sign_in, bob, service, page):
        assert sign_in(bob).get(url(page, name="iris")).status_code == 405


class TestRollback:
    @pytest.fixture
    def updated(self, workspace, bob, iris, fake, service):
        """Revision 2 answers; what was built for both is there."""
        BuiltBundle.objects.create(place="one", content_hash=service.revisions.get().content_hash)
        return fake.visit(deploy(workspace, bob, iris, target=fake.target, overwrite=True), 10)

    def revisions(self, client) -> list[tuple]:
        rows = client.get(url("service_detail", name="iris"), {"tab": "revisions"}).context["revisions"]
        return [(row["number"], row["state"], row["share"], row["can_roll_back"]) for row in rows]

    def test_the_table_offers_every_other_revision_that_is_built(self, sign_in, bob, updated):
        client = sign_in(bob)
        assert self.revisions(client) == [(2, Phase.HEALTHY, 100, False), (1, Phase.STOPPED, 0, True)]
        page = text_of(client.get(url("service_detail", name="iris"), {"tab": "revisions"}))
        assert page.count(url("service_rollback", name="iris")) == 1
        assert "Roll iris back to revision 1?" in page
        BuiltBundle.objects.all().delete()
        page = text_of(client.get(url("service_detail", name="iris"), {"tab": "revisions"}))
        assert url("service_rollback", name="iris") not in page

    def test_one_click_has_the_revision_answer_again(self, sign_in, bob, fake, updated):
        client = sign_in(bob)
        answer = client.post(url("service_rollback", name="iris"), {"revision": "1"})
        assert answer["Location"] == url("service_detail", name="iris")
        fake.visit(updated, 10)
        assert self.revisions(client) == [(2, Phase.STOPPED, 0, True), (1, Phase.HEALTHY, 100, False)]

    @pytest.mark.parametrize(("number", "status"), [("", 400), ("one", 400), ("²", 400), ("9" * 5000, 400), ("9", 404)])
    def test_what_is_no_revision_is_refused(self, sign_in, bob, updated, number, status):
        answer = sign_in(bob).post(url("service_rollback", name="iris"), {"revision": number})
        assert answer.status_code == status

    def test_an_update_under_way_can_be_ended(self, sign_in, bob, workspace, iris, fake, updated):
        deploy(workspace, bob, iris, target=fake.target, overwrite=True)
        page = text_of(sign_in(bob).get(url("service_status", name="iris")))
        assert "The update to revision 3 is under way; revision 2 goes on answering" in page
        assert "Roll back to revision 2" in page
        assert "Fix and update" not in page

    def test_a_failed_update_shows_its_cause_and_both_ways_on(
        self, sign_in, bob, carol, workspace, iris, fake, updated
    ):
        fake.world.behaving[3] = "failing"
        fake.visit(deploy(workspace, bob, iris, target=fake.target, overwrite=True), 10)
        page = text_of(sign_in(bob).get(url("service_status", name="iris")))
        assert "Healthy" in page
        assert "The update to revision 3 failed; revision 2 goes on answering" in page
        assert "init() raised KeyError" in page
        assert "Fix and update" in page
        assert "Roll back to revision 2" in page
        assert "every 2s" not in page
        looking = text_of(sign_in(carol).get(url("service_status", name="iris")))
        assert "init() raised KeyError" in looking
        assert url("service_rollback", name="iris") not in looking


def test_a_viewer_sees_a_stopped_service_as_stopped(sign_in, carol, bob, fake, service):
    lifecycle.stop(service, bob)
    assert fake.visit(service, 2).phase == Phase.STOPPED
    assert "Stopped" in text_of(sign_in(carol).get(url("service_detail", name="iris")))
