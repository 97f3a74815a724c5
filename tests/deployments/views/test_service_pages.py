"""The list of services and a service's page by role, without JavaScript and for htmx."""

import re
from html import unescape

import pytest

from deployments.models import BuiltBundle, Desired, Phase, Service
from deployments.services import lifecycle, recent_figures
from deployments.services.rollback import rollback
from monitoring.telemetry.series import Figures
from tests.deployments.service_factories import deploy
from tests.pages import text_of, url, words_of
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db

TABS = ("overview", "test", "metrics", "traffic", "logs", "revisions", "settings")


@pytest.fixture
def service(fake, service):
    """A service that is Healthy."""
    return fake.visit(service, 2)


class TestServiceList:
    def test_empty_list_shows_the_next_step(self, sign_in, bob, workspace):
        assert "No services yet" in text_of(sign_in(bob).get(url("service_list")))

    def test_list_shows_state_models_and_address(self, sign_in, carol, service):
        page = text_of(sign_in(carol).get(url("service_list")))
        assert "Healthy" in page
        assert "iris:1" in page
        assert f"http://127.0.0.1:{service.port}/score" in page

    def test_list_is_polled_only_during_transitions(self, sign_in, bob, fake, service):
        client = sign_in(bob)
        rows = {"HTTP_HX_REQUEST": "true"}
        assert "every 2s" not in text_of(client.get(url("service_list"), **rows))
        lifecycle.stop(service, bob)
        assert "every 2s" in text_of(client.get(url("service_list"), **rows))

    def test_list_is_filtered_by_state_and_name(self, sign_in, bob, service):
        client = sign_in(bob)

        def found(**query):
            return [row["service"].name for row in client.get(url("service_list"), query).context["rows"]]

        assert found(state="Healthy") == found(q="iri") == ["iris"]
        assert found(state="Failed") == found(q="zzz") == []

    def test_number_of_queries_does_not_grow_with_the_list(
        self, sign_in, bob, workspace, iris, fake, django_assert_max_num_queries
    ):
        for name in ("a", "b", "c"):
            deploy(workspace, bob, iris, target=fake.target, name=name)
        client = sign_in(bob)
        with django_assert_max_num_queries(22):
            client.get(url("service_list"))

    def test_list_has_services_of_one_workspace_only(self, sign_in, mallory, service):
        assert sign_in(mallory).get(url("service_list")).status_code == 404


class TestServicePage:
    @pytest.mark.parametrize("tab", TABS)
    @pytest.mark.parametrize("who", ["alice", "bob", "carol"])
    def test_every_tab_opens_for_every_member(self, sign_in, service, tab, who, request):
        person = request.getfixturevalue(who)
        answer = sign_in(person).get(url("service_detail", name="iris") + f"?tab={tab}", follow=True)
        assert answer.status_code == 200
        assert "Three kinds of flowers" in text_of(answer)

    @pytest.mark.parametrize("tab", TABS)
    def test_page_has_no_inline_script_or_style(self, sign_in, bob, service, tab):
        page = text_of(sign_in(bob).get(url("service_detail", name="iris") + f"?tab={tab}"))
        assert " style=" not in page
        assert " onclick=" not in page
        assert "<script>" not in page

    def test_header_of_a_healthy_service_is_one_line_without_steps_and_differences(self, sign_in, bob, service):
        page = sign_in(bob).get(url("service_detail", name="iris"))
        assert (page.context["steps"], page.context["differences"]) == ([], [])
        line = words_of(text_of(page), "headline")
        assert line == "Healthy Revision 1 iris:1 1 core, 1 GB no requests in the last 15 minutes"

    def test_header_shows_steps_and_differences_during_transitions(self, sign_in, bob, service):
        lifecycle.stop(service, bob)
        page = sign_in(bob).get(url("service_detail", name="iris"))
        assert [step["name"] for step in page.context["steps"]][:2] == ["queued", "environment"]
        assert [row.label for row in page.context["differences"]] == ["Replicas", "Revision", "Latest change"]

    def test_address_of_a_failed_or_stopped_service_is_muted_with_the_reason(self, sign_in, bob, workspace, iris, fake):
        fake.behave("failing")
        fake.visit(deploy(workspace, bob, iris, target=fake.target), 3)
        client = sign_in(bob)
        assert "failed, no calls possible" in text_of(client.get(url("service_detail", name="iris")))
        assert "data-muted" in text_of(client.get(url("service_detail", name="iris")))
        lifecycle.stop(Service.objects.get(), bob)
        fake.visit(Service.objects.get(), 3)
        assert "stopped, no calls possible" in text_of(client.get(url("service_detail", name="iris")))

    def test_page_shows_cause_hint_and_evidence_of_a_failure(self, sign_in, carol, workspace, bob, iris, fake):
        fake.behave("failing")
        fake.visit(deploy(workspace, bob, iris, target=fake.target), 3)
        page = text_of(sign_in(carol).get(url("service_detail", name="iris")))
        assert "init() raised KeyError" in page
        assert "Read the traceback below" in page
        assert "Traceback …" in page

    @pytest.mark.parametrize("tab", TABS)
    def test_viewer_sees_no_buttons_that_change_anything_and_no_keys(self, sign_in, carol, service, tab):
        page = text_of(sign_in(carol).get(url("service_detail", name="iris") + f"?tab={tab}"))
        for address in (
            "service_stop",
            "service_start",
            "service_rollback",
            "service_delete",
            "service_keys",
            "service_test",
            "service_regenerate_key",
            "service_regenerate_tokens",
        ):
            assert url(address, name="iris") not in page
        for key in service.keys.all():
            assert key.value not in page

    @pytest.mark.parametrize("tab", TABS)
    def test_keys_are_hidden_until_requested(self, sign_in, bob, service, tab):
        page = text_of(sign_in(bob).get(url("service_detail", name="iris") + f"?tab={tab}"))
        for key in service.keys.all():
            assert key.value not in page

    def test_unknown_service_is_not_found(self, sign_in, bob, workspace):
        assert sign_in(bob).get(url("service_detail", name="nothing")).status_code == 404

    def test_page_is_not_found_for_non_members(self, sign_in, mallory, service):
        assert sign_in(mallory).get(url("service_detail", name="iris")).status_code == 404


class TestFailingRequests:
    @pytest.fixture
    def failing(self, service, monkeypatch):
        """Healthy, and every other request of the last minutes failed."""
        figures = Figures(requests=40, requests_per_second=0.05, p95_ms=0.42, errors=20, error_rate=0.5)
        monkeypatch.setattr(recent_figures, "_readers", [lambda services: {service.pk: figures}])
        return service

    def test_header_shows_the_error_rate_with_a_link_to_the_logged_errors(self, sign_in, bob, failing):
        page = text_of(sign_in(bob).get(url("service_detail", name="iris")))
        assert words_of(page, "headline") == (
            "Healthy 50 % errors Revision 1 iris:1 1 core, 1 GB 3 req/min p95 0.42 ms See what failed"
        )
        assert url("service_detail", name="iris") + "?tab=logs&amp;level=error" in page

    def test_service_list_shows_the_error_rate_in_its_tone(self, sign_in, carol, failing):
        page = text_of(sign_in(carol).get(url("service_list")))
        assert re.search(r'class="badge" data-tone="bad">.*?50 %', page, re.DOTALL)
        assert "3 req/min" in page


class TestLivePart:
    def test_live_part_is_polled_only_during_transitions(self, sign_in, bob, fake, service):
        client = sign_in(bob)
        assert "every 2s" not in text_of(client.get(url("service_status", name="iris")))
        lifecycle.stop(service, bob)
        assert "every 2s" in text_of(client.get(url("service_status", name="iris")))
        fake.visit(service, 2)
        assert "every 2s" not in text_of(client.get(url("service_status", name="iris")))

    def test_live_part_of_a_deleted_service_redirects_to_the_list(self, sign_in, bob, service):
        Service.objects.all().delete()
        answer = sign_in(bob).get(url("service_status", name="iris"))
        assert (answer.status_code, answer["HX-Redirect"]) == (204, url("service_list"))


class TestButtons:
    def test_stop_and_start(self, sign_in, bob, service):
        client = sign_in(bob)
        assert client.post(url("service_stop", name="iris"))["Location"] == url("service_detail", name="iris")
        assert Service.objects.get().desired == Desired.STOPPED
        client.post(url("service_start", name="iris"))
        assert Service.objects.get().desired == Desired.RUNNING

    def test_delete_asks_for_confirmation(self, sign_in, bob, service):
        client = sign_in(bob)
        question = text_of(client.get(url("service_delete", name="iris")))
        assert "Delete iris?" in question
        assert Service.objects.get().desired == Desired.RUNNING
        assert client.post(url("service_delete", name="iris"))["Location"] == url("service_list")
        assert Service.objects.get().desired == Desired.DELETED
        assert "Deleting" in text_of(client.get(url("service_list")))

    @pytest.mark.parametrize(
        ("page", "query", "says", "action"),
        [
            ("service_stop", {}, "Stop iris?", "Stop"),
            ("service_delete", {}, "Delete iris?", "Delete iris"),
            ("service_regenerate_key", {"slot": "primary"}, "Create a new primary key for iris?", "Create a new key"),
            ("service_regenerate_tokens", {}, "Revoke all tokens of iris?", "Revoke all tokens"),
        ],
    )
    def test_get_request_asks_for_confirmation_as_a_page_or_as_the_form_of_a_dialog(
        self, sign_in, bob, service, page, query, says, action
    ):
        before, key = Service.objects.get(), service.keys.get(slot="primary").value
        whole = text_of(sign_in(bob).get(url(page, name="iris"), query))
        form = text_of(sign_in(bob).get(url(page, name="iris"), query, headers={"HX-Request": "true"}))
        assert "<html" in whole
        assert "<html" not in form
        for shown in (whole, form):
            assert says in shown
            assert f'method="post" action="{url(page, name="iris")}"' in shown
            assert re.search(rf'type="submit">\s*{action}\s*</button>', shown)
        after = Service.objects.get()
        assert (after.desired, after.generation) == (before.desired, before.generation)
        assert service.keys.get(slot="primary").value == key

    def test_keys_are_shown_on_request_and_never_cached(self, sign_in, bob, service):
        answer = sign_in(bob).get(url("service_keys", name="iris"))
        assert all(key.value in text_of(answer) for key in service.keys.all())
        assert "no-store" in answer["Cache-Control"]

    def test_key_is_regenerated(self, sign_in, bob, service):
        before = service.keys.get(slot="secondary").value
        answer = sign_in(bob).post(url("service_regenerate_key", name="iris"), {"slot": "secondary"}, follow=True)
        new = service.keys.get(slot="secondary").value
        assert new != before
        assert new in text_of(answer), "people see at once what they have to hand on"

    @pytest.mark.parametrize(
        ("method", "page"),
        [
            ("post", "service_stop"),
            ("post", "service_start"),
            ("post", "service_rollback"),
            ("get", "service_delete"),
            ("post", "service_delete"),
            ("get", "service_keys"),
            ("get", "service_stop"),
            ("get", "service_rollback"),
            ("get", "service_regenerate_key"),
            ("post", "service_regenerate_key"),
            ("post", "service_test"),
        ],
    )
    def test_viewer_cannot_use_the_buttons(self, sign_in, carol, service, method, page):
        answer = getattr(sign_in(carol), method)(url(page, name="iris"), {"slot": "primary"})
        assert answer.status_code == 403
        assert Service.objects.get().desired == Desired.RUNNING

    @pytest.mark.parametrize("page", ["service_start", "service_test"])
    def test_get_request_changes_nothing(self, sign_in, bob, service, page):
        assert sign_in(bob).get(url(page, name="iris")).status_code == 405


class TestRollback:
    @pytest.fixture
    def updated(self, workspace, bob, iris, fake, service):
        """Revision 2 serves; both bundles exist."""
        BuiltBundle.objects.create(place="one", content_hash=service.revisions.get().content_hash)
        return fake.visit(deploy(workspace, bob, iris, target=fake.target, overwrite=True), 10)

    def revisions(self, client) -> list[tuple]:
        rows = client.get(url("service_detail", name="iris"), {"tab": "revisions"}).context["revisions"]
        return [(row["number"], row["state"], row["share"], row["can_roll_back"]) for row in rows]

    def test_rollback_is_offered_for_every_other_built_revision(self, sign_in, bob, updated):
        client = sign_in(bob)
        assert self.revisions(client) == [(2, Phase.HEALTHY, 100, False), (1, Phase.STOPPED, 0, True)]
        page = text_of(client.get(url("service_detail", name="iris"), {"tab": "revisions"}))
        assert page.count(url("service_rollback", name="iris")) == 1
        BuiltBundle.objects.all().delete()
        page = text_of(client.get(url("service_detail", name="iris"), {"tab": "revisions"}))
        assert url("service_rollback", name="iris") not in page

    def test_rollback_confirmation_lists_the_changes(self, sign_in, bob, workspace, iris, fake, updated):
        newer = make_version(workspace, "iris")
        config = {"memory_gb": 2, "environment_variables": {"LEVEL": "high"}}
        deploy(workspace, bob, newer, target=fake.target, overwrite=True, deployment_config=config)
        fake.visit(updated, 10)
        answer = sign_in(bob).get(url("service_rollback", name="iris"), {"revision": "1"})
        assert "Roll iris back to revision 1?" in text_of(answer)
        changes = [(one.label, one.before, one.after) for one in answer.context["question"].changes]
        assert changes == [("Models", "iris:2", "iris:1"), ("Memory", "2 GB", "1 GB"), ("LEVEL", "high", "not set")]
        table = text_of(sign_in(bob).get(url("service_detail", name="iris"), {"tab": "revisions"}))
        assert "iris:1 → iris:2" in table
        assert url("version_detail", name="iris", number=2) in table

    def test_rollback_confirmation_refuses_an_unknown_revision(self, sign_in, bob, updated):
        client = sign_in(bob)
        assert client.get(url("service_rollback", name="iris"), {"revision": "x"}).status_code == 400
        assert client.get(url("service_rollback", name="iris"), {"revision": "9"}).status_code == 404

    def test_viewer_sees_which_variables_changed_but_not_their_values(
        self, sign_in, carol, bob, workspace, iris, fake, updated
    ):
        config = {"environment_variables": {"LEVEL": "very-secret"}}
        deploy(workspace, bob, iris, target=fake.target, overwrite=True, deployment_config=config)
        page = text_of(sign_in(carol).get(url("service_detail", name="iris"), {"tab": "revisions"}))
        assert "LEVEL" in page
        assert "very-secret" not in page

    def test_rollback_button_serves_the_revision(self, sign_in, bob, fake, updated):
        client = sign_in(bob)
        answer = client.post(url("service_rollback", name="iris"), {"revision": "1"})
        assert answer["Location"] == url("service_detail", name="iris")
        fake.visit(updated, 10)
        assert self.revisions(client) == [(2, Phase.STOPPED, 0, True), (1, Phase.HEALTHY, 100, False)]

    @pytest.mark.parametrize(("number", "status"), [("", 400), ("one", 400), ("²", 400), ("9" * 5000, 400), ("9", 404)])
    def test_rollback_to_an_invalid_revision_is_rejected(self, sign_in, bob, updated, number, status):
        answer = sign_in(bob).post(url("service_rollback", name="iris"), {"revision": number})
        assert answer.status_code == status

    def test_running_rollback_is_not_called_an_update(self, sign_in, bob, fake, updated):
        fake.world.behaving[1] = "slow"
        rollback(updated, bob, 1)
        fake.visit(updated, 2)
        page = text_of(sign_in(bob).get(url("service_status", name="iris")))
        assert "The rollback to revision 1 is under way; revision 2 goes on answering" in page
        assert "Keep revision 2" in page
        asked = text_of(sign_in(bob).get(url("service_rollback", name="iris"), {"revision": "2"}))
        assert "Keep revision 2 of iris?" in asked

    def test_running_update_can_be_cancelled(self, sign_in, bob, workspace, iris, fake, updated):
        deploy(workspace, bob, iris, target=fake.target, overwrite=True)
        page = text_of(sign_in(bob).get(url("service_status", name="iris")))
        assert "The update to revision 3 is under way; revision 2 goes on answering" in page
        assert "Roll back to revision 2" in page
        assert "Fix and update" not in page

    def test_failed_update_shows_its_cause_and_both_next_steps(
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


def test_pages_show_the_address_through_the_front_and_then_its_own(sign_in, carol, fake, service, settings):
    settings.FRONT = settings.FRONT | {"enabled": True, "port": 8400}
    fake.visit(service, 3)
    client, own = sign_in(carol), f"http://127.0.0.1:{service.port}"
    page = client.get("/w/vision/services/iris/").content.decode()
    assert "<code>http://127.0.0.1:8400/vision/iris/score</code>" in page
    assert f"{own}/score" in page
    tried = unescape(client.get(url("service_detail", name="iris") + "?tab=test").content.decode())
    assert "curl -X POST http://127.0.0.1:8400/vision/iris/score" in tried
    assert own not in tried
    assert "http://127.0.0.1:8400/vision/iris/score" in client.get("/w/vision/services/").content.decode()
