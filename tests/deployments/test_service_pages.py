"""Pages of services by role, without JavaScript and as htmx asks for them."""

import json

import pytest
from django.urls import reverse

from deployments import commands, releases, scoring_client
from deployments.json_text import readable
from deployments.models import Build, Desired, Phase, Service
from deployments.places import build_log_path
from registry import samples
from registry.models import ModelVersion, VersionState
from tests.deployments.services import deploy
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db


def url(page, **kwargs):
    return reverse(page, kwargs={"workspace": "vision"} | kwargs)


@pytest.fixture
def service(workspace, bob, iris, fake):
    return fake.visit(deploy(workspace, bob, iris, target=fake.target, description="Three kinds of flowers"), 2)


def text(response) -> str:
    return response.content.decode()


TABS = ("overview", "test", "metrics", "logs", "revisions", "settings")


class TestTheDeployPage:
    def test_is_filled_in_so_that_one_click_works(self, sign_in, bob, iris):
        client = sign_in(bob)
        page = client.get(url("deploy") + "?version=iris:1")
        form = page.context["form"]
        posted = {field.name: field.value() for field in form if field.value() not in (None, False)}
        answer = client.post(url("deploy"), posted)
        assert answer.status_code == 302
        assert answer["Location"] == url("service_detail", name="iris")
        assert str(Service.objects.get().revisions.get().models.get().version) == "iris:1"

    def test_shows_the_command_line_and_the_rest_call(self, sign_in, bob, iris):
        page = sign_in(bob).get(url("deploy") + "?version=iris:1")
        assert page.context["cli"] == "slipway service deploy -n iris -m iris:1 --wait"
        assert "/api/v1/workspaces/vision/services" in page.context["curl"]

    def test_keeps_both_in_step_with_the_form(self, sign_in, bob, iris):
        answer = sign_in(bob).post(
            url("deploy_commands"), {"name": "flowers", "models": "iris:1", "cpu": "0.5", "auth": "on"}
        )
        assert answer.context["cli"] == "slipway service deploy -n flowers -m iris:1 --cpu 0.5 --wait"
        assert '"cpu": 0.5' in answer.context["curl"]
        assert not Service.objects.exists()

    def test_proposes_a_free_name_and_offers_the_update(self, sign_in, bob, service):
        page = sign_in(bob).get(url("deploy") + "?version=iris:1")
        assert page.context["form"].initial["name"] == "iris-2"
        assert page.context["updatable"] == ["iris"]

    def test_for_an_update_begins_with_the_services_own_settings(self, sign_in, bob, workspace, iris, fake):
        config = {"cpu": 0.5, "environment_variables": {"A": "1"}}
        deploy(workspace, bob, iris, target=fake.target, deployment_config=config)
        initial = sign_in(bob).get(url("deploy") + "?service=iris").context["form"].initial
        assert (initial["name"], initial["models"], initial["overwrite"]) == ("iris", "iris:1", True)
        assert (initial["cpu"], initial["environment_variables"]) == (0.5, "A=1")

    def test_for_an_update_takes_the_version_that_was_asked_for(self, sign_in, bob, workspace, service):
        make_version(workspace, "iris")
        initial = sign_in(bob).get(url("deploy") + "?service=iris&version=iris:2").context["form"].initial
        assert (initial["name"], initial["models"]) == ("iris", "iris:2")

    def test_says_that_other_frameworks_need_a_script(self, sign_in, bob, workspace):
        make_version(workspace, "tree", files={"model.pkl": b"\x80\x04."})
        page = sign_in(bob).get(url("deploy") + "?version=tree:1")
        assert page.context["needs_script"] is True
        assert "entry script" in text(page)

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"name": "Iris!", "models": "iris:1"}, "name"),
            ({"name": "iris", "models": "iris:9"}, None),
            ({"name": "iris", "models": " , "}, "models"),
            ({"name": "iris", "models": "iris:1", "cpu": "0"}, "cpu"),
            ({"name": "iris", "models": "iris:1", "environment_variables": "NOVALUE"}, "environment_variables"),
            ({"name": "iris", "models": "iris:1", "config": "other:1"}, "config"),
        ],
    )
    def test_keeps_what_was_typed_and_shows_errors_beside_their_field(self, sign_in, bob, iris, given, field):
        answer = sign_in(bob).post(url("deploy"), given)
        assert answer.status_code == 422
        assert (field or "__all__") in answer.context["form"].errors
        assert given["name"] in text(answer)
        assert not Service.objects.exists()

    def test_of_a_taken_name_names_the_next_step(self, sign_in, bob, service):
        answer = sign_in(bob).post(url("deploy"), {"name": "iris", "models": "iris:1"})
        assert answer.status_code == 422
        assert "overwrite" in answer.context["form"].errors["name"][0]

    def test_is_not_for_viewers(self, sign_in, carol, iris):
        client = sign_in(carol)
        assert client.get(url("deploy")).status_code == 403
        assert client.post(url("deploy"), {"name": "iris", "models": "iris:1"}).status_code == 403
        assert not Service.objects.exists()


class TestTheList:
    def test_teaches_when_there_is_nothing(self, sign_in, bob, workspace):
        assert "No services yet" in text(sign_in(bob).get(url("service_list")))

    def test_shows_state_models_and_address(self, sign_in, carol, service):
        page = text(sign_in(carol).get(url("service_list")))
        assert "Healthy" in page
        assert "iris:1" in page
        assert f"http://127.0.0.1:{service.port}/score" in page

    def test_asks_again_only_while_something_moves(self, sign_in, bob, fake, service):
        client = sign_in(bob)
        rows = {"HTTP_HX_REQUEST": "true"}
        assert "every 2s" not in text(client.get(url("service_list"), **rows))
        releases.stop(service, bob)
        assert "every 2s" in text(client.get(url("service_list"), **rows))

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
        assert "Three kinds of flowers" in text(answer)

    @pytest.mark.parametrize("tab", TABS)
    def test_holds_no_inline_script_or_style(self, sign_in, bob, service, tab):
        page = text(sign_in(bob).get(url("service_detail", name="iris") + f"?tab={tab}"))
        assert " style=" not in page
        assert " onclick=" not in page
        assert "<script>" not in page

    def test_shows_desired_beside_observed(self, sign_in, bob, fake, service):
        client = sign_in(bob)
        same = client.get(url("service_detail", name="iris")).context["comparison"]
        assert [row.differs for row in same] == [False, False, False]
        releases.stop(service, bob)
        other = client.get(url("service_detail", name="iris")).context["comparison"]
        assert [row.differs for row in other] == [True, True, True]

    def test_shows_cause_hint_and_evidence_of_a_failure(self, sign_in, carol, workspace, bob, iris, fake):
        fake.behave("failing")
        fake.visit(deploy(workspace, bob, iris, target=fake.target), 3)
        page = text(sign_in(carol).get(url("service_detail", name="iris")))
        assert "init() raised KeyError" in page
        assert "Read the traceback below" in page
        assert "Traceback …" in page

    @pytest.mark.parametrize("tab", TABS)
    def test_gives_a_viewer_no_buttons_that_change_and_no_keys(self, sign_in, carol, service, tab):
        page = text(sign_in(carol).get(url("service_detail", name="iris") + f"?tab={tab}"))
        for address in (
            "service_stop",
            "service_start",
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
        page = text(sign_in(bob).get(url("service_detail", name="iris") + f"?tab={tab}"))
        for key in service.keys.all():
            assert key.value not in page

    def test_of_a_service_that_does_not_exist_is_not_found(self, sign_in, bob, workspace):
        assert sign_in(bob).get(url("service_detail", name="nothing")).status_code == 404

    def test_is_unknown_to_strangers(self, sign_in, mallory, service):
        assert sign_in(mallory).get(url("service_detail", name="iris")).status_code == 404


class TestTheLivePart:
    def test_asks_again_while_something_moves_and_then_no_more(self, sign_in, bob, fake, service):
        client = sign_in(bob)
        assert "every 2s" not in text(client.get(url("service_status", name="iris")))
        releases.stop(service, bob)
        assert "every 2s" in text(client.get(url("service_status", name="iris")))
        fake.visit(service, 2)
        assert "every 2s" not in text(client.get(url("service_status", name="iris")))

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
        question = text(client.get(url("service_delete", name="iris")))
        assert "Delete iris?" in question
        assert Service.objects.get().desired == Desired.RUNNING
        assert client.post(url("service_delete", name="iris"))["Location"] == url("service_list")
        assert Service.objects.get().desired == Desired.DELETED
        assert "Deleting" in text(client.get(url("service_list")))

    def test_keys_are_shown_on_request_and_never_cached(self, sign_in, bob, service):
        answer = sign_in(bob).get(url("service_keys", name="iris"))
        assert all(key.value in text(answer) for key in service.keys.all())
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

    @pytest.mark.parametrize("page", ["service_stop", "service_start", "service_regenerate_key", "service_test"])
    def test_do_nothing_when_they_are_only_looked_at(self, sign_in, bob, service, page):
        assert sign_in(bob).get(url(page, name="iris")).status_code == 405


class TestTheTestTab:
    def test_begins_with_a_request_from_the_signature(self, sign_in, bob, service):
        page = sign_in(bob).get(url("service_detail", name="iris") + "?tab=test")
        body = json.loads(page.context["body"])
        assert body["inputs"][0]["name"] == "x"
        assert body["inputs"][0]["datatype"] == "FP32"

    def test_begins_with_a_bundled_samples_own_request(self, sign_in, bob, workspace, fake):
        iris = next(version for version in samples.add(workspace, bob) if version.model.name == "iris")
        ModelVersion.objects.update(state=VersionState.READY)
        iris.refresh_from_db()
        deploy(workspace, bob, iris, target=fake.target)
        page = sign_in(bob).get(url("service_detail", name="iris") + "?tab=test")
        assert json.loads(page.context["body"]) == json.loads((samples.FOLDER / "iris/sample.json").read_text())

    def test_shows_the_answer_with_status_and_time_without_javascript(self, sign_in, bob, service, monkeypatch):
        result = scoring_client.ScoreResult(200, {"content-type": "application/json"}, b'{"class":"setosa"}', 3.21)
        monkeypatch.setattr(scoring_client, "_call", lambda *_: result)
        answer = sign_in(bob).post(url("service_test", name="iris"), {"body": '{"data": []}'})
        assert answer.status_code == 200
        assert "setosa" in text(answer)
        assert "3.2 ms" in text(answer)
        assert answer.context["body"] == '{"data": []}'

    def test_shows_only_the_answer_to_htmx(self, sign_in, bob, service, monkeypatch):
        result = scoring_client.ScoreResult(500, {}, b"boom", 1.0)
        monkeypatch.setattr(scoring_client, "_call", lambda *_: result)
        answer = sign_in(bob).post(url("service_test", name="iris"), {"body": "{}"}, HTTP_HX_REQUEST="true")
        assert text(answer).count("<section") == 1
        assert "500" in text(answer)
        assert "boom" in text(answer)

    def test_explains_why_nothing_answers(self, sign_in, bob, service):
        answer = sign_in(bob).post(url("service_test", name="iris"), {"body": "{}"})
        assert answer.status_code == 409
        assert "does not answer" in text(answer)

    def test_escapes_what_a_service_answers(self, sign_in, bob, service, monkeypatch):
        result = scoring_client.ScoreResult(200, {}, b"<script>alert(1)</script>", 1.0)
        monkeypatch.setattr(scoring_client, "_call", lambda *_: result)
        assert "<script>alert(1)" not in text(sign_in(bob).post(url("service_test", name="iris"), {"body": "{}"}))


class TestLogs:
    def test_of_the_server_are_followed(self, sign_in, carol, service):
        piece = sign_in(carol).get(url("service_logs", name="iris")).json()
        assert piece == {"text": "revision 1 starts\n", "offset": 18, "done": False}

    def test_of_the_server_can_be_downloaded(self, sign_in, carol, service):
        answer = sign_in(carol).get(url("service_logs", name="iris") + "?download=1")
        assert b"".join(answer.streaming_content) == b"revision 1 starts\n"
        assert "iris.log" in answer["Content-Disposition"]

    def test_of_a_deployment_are_the_builds_and_then_the_servers(self, sign_in, carol, service):
        path = build_log_path(Build.objects.get().pk)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("Built.\n")
        client = sign_in(carol)
        read, offset = "", 0
        while True:
            piece = client.get(url("build_log", name="iris"), {"offset": offset, "then": "service"}).json()
            read, offset = read + piece["text"], piece["offset"]
            if not piece["text"]:
                break
        assert read == "Built.\nrevision 1 starts\n"
        assert piece["done"] is True
        only = client.get(url("build_log", name="iris")).json()
        assert only["text"] == "Built.\n"


def test_the_copied_python_runs_as_it_stands():
    code = commands.score_python("http://127.0.0.1:1", '{"data": [[1.5, true, null]]}', auth=True)
    compile(code, "snippet", "exec")
    assert "'data': [[1.5, True, None]]" in code
    compile(commands.score_python("http://127.0.0.1:1", "not json", auth=False), "snippet", "exec")


def test_the_copied_commands_quote_what_a_shell_would_read():
    given = {"name": "a", "models": ["x y:1"], "reason": "it's", "deployment_config": {"cpu": 2.0}}
    assert commands.cli(given) == "slipway service deploy -n a -m 'x y:1' --cpu 2 --wait"
    assert "'\"'\"'" in commands.rest("http://h/a", given)


def test_rows_of_numbers_stay_on_one_line():
    assert readable({"a": [1, 2.5], "b": [[1], []], "c": {}, "d": "é"}) == (
        '{\n  "a": [1, 2.5],\n  "b": [\n    [1],\n    []\n  ],\n  "c": {},\n  "d": "é"\n}'
    )


def test_a_viewer_sees_a_stopped_service_as_stopped(sign_in, carol, bob, fake, service):
    releases.stop(service, bob)
    assert fake.visit(service, 2).phase == Phase.STOPPED
    assert "Stopped" in text(sign_in(carol).get(url("service_detail", name="iris")))
