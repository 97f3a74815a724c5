"""Services over REST."""

import pytest

from deployments.models import Build, BuiltBundle, Desired, Instance, Phase, Service
from deployments.recipe.build_paths import build_log_path
from deployments.services import scoring_client
from deployments.targets import log_files
from studio.core.errors import BadInput
from tests.deployments.service_factories import deploy
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db
SERVICES = "/api/v1/workspaces/vision/services"


@pytest.fixture
def service(workspace, bob, iris, fake):
    return fake.visit(deploy(workspace, bob, iris, target=fake.target), 2)


def codes(response):
    return [error["code"] for error in response.json()["errors"]]


def test_walls_around_the_running_instance_are_shown(api, sign_in, carol, service):
    assert api(carol).get(f"{SERVICES}/iris").json()["walls"] is None  # its target has none to tell of
    instance = service.instances.get()
    instance.observed["replicas"][0] |= {"walls": "landlock", "user": 1_900_000_001}
    instance.save()
    walls = api(carol).get(f"{SERVICES}/iris").json()["walls"]
    assert (walls["level"], walls["user"]) == ("landlock", 1_900_000_001)
    assert walls["description"].startswith("Landlock: only its own folders and a user of its own")
    assert walls["description"] in sign_in(carol).get("/w/vision/services/iris/").content.decode()


class TestReplicas:
    def test_desired_and_ready_replicas_are_told(self, api, carol, fake, service):
        Instance.objects.update(replicas=3)
        fake.visit(service, 3)
        fake.world.kill(service.instances.get().pk, 2)
        fake.visit(service)
        shown = api(carol).get(f"{SERVICES}/iris").json()
        [instance] = shown["instances"]
        assert (shown["asleep"], instance["desired_replicas"], instance["ready_replicas"]) == (False, 3, 2)
        found = [(one["number"], one["state"], one["restarts"]) for one in instance["replicas"]]
        assert found == [(1, "ready", 0), (2, "dead", 0), (3, "ready", 0)]
        assert instance["replicas"][1]["message"] == "The server was ended by SIGKILL."

    def test_sleeping_service_says_so(self, api, sign_in, carol, fake, service):
        Instance.objects.update(replicas=0)
        fake.visit(service, 3)
        shown = api(carol).get(f"{SERVICES}/iris").json()
        assert (shown["state"], shown["asleep"], shown["instances"][0]["replicas"]) == ("Healthy", True, [])
        page = sign_in(carol).get("/w/vision/services/iris/")
        assert page.context["badge"] == {"tone": "idle", "text": "Asleep"}
        assert page.context["differences"] == []
        assert "asleep; the next call wakes it" in page.content.decode()
        assert "Asleep" in sign_in(carol).get("/w/vision/services/").content.decode()

    def test_page_lists_replicas_where_there_are_several(self, sign_in, carol, fake, service):
        client = sign_in(carol)
        assert 'id="replicas"' not in client.get("/w/vision/services/iris/").content.decode()
        Instance.objects.update(replicas=2)
        fake.visit(service, 3)
        page = client.get("/w/vision/services/iris/").content.decode()
        assert 'id="replicas"' in page
        assert "2 of 2 replicas ready" in page
        assert "tab=logs&amp;revision=1&amp;replica=2" in page


class TestDeploy:
    def test_deploy_creates_a_service(self, api, bob, iris):
        answer = api(bob).post(SERVICES, {"name": "iris", "models": ["iris:1"], "description": "Flowers"})
        assert answer.status_code == 201
        shape = answer.json()
        port = Service.objects.get().port
        assert {key: shape[key] for key in ("name", "state", "desired", "cause", "models", "revision", "target")} == {
            "name": "iris",
            "state": "Transitioning",
            "desired": "running",
            "cause": None,
            "models": ["iris:1"],
            "revision": 1,
            "target": "local",
        }
        assert shape["scoring_uri"] == f"http://127.0.0.1:{port}/score"
        assert shape["swagger_uri"] == f"http://127.0.0.1:{port}/swagger.json"
        assert shape["created_by"] == "bob"
        assert [step["name"] for step in shape["steps"]] == ["queued", "environment", "image", "rollout", "healthy"]
        assert shape["deployment_config"]["memory_gb"] == 1

    def test_latest_is_resolved_to_the_newest_version(self, api, bob, workspace, iris):
        make_version(workspace, "iris")
        answer = api(bob).post(SERVICES, {"name": "iris", "models": ["iris:latest"]})
        assert answer.json()["models"] == ["iris:2"]

    def test_taken_name_is_a_conflict_with_the_next_step(self, api, bob, iris, service):
        answer = api(bob).post(SERVICES, {"name": "iris", "models": ["iris:1"]})
        assert (answer.status_code, codes(answer)) == (409, ["service_exists"])
        assert "overwrite" in answer.json()["errors"][0]["hint"]

    def test_warm_up_request_is_stored(self, api, bob, iris):
        server = {"warm_up": {"body": {"data": [[1, 2.5, None]]}, "path": "/v2/models/iris/infer", "runs": 7}}
        body = {"name": "iris", "models": ["iris:1"], "deployment_config": {"server": server}}
        assert api(bob).post(SERVICES, body, format="json").status_code == 201
        assert api(bob).get(f"{SERVICES}/iris").json()["deployment_config"]["server"] == server

    def test_overwrite_creates_a_new_revision(self, api, bob, iris, service):
        answer = api(bob).post(SERVICES, {"name": "iris", "models": ["iris:1"], "overwrite": True, "reason": "again"})
        assert (answer.status_code, answer.json()["revision"]) == (201, 2)

    @pytest.mark.parametrize(
        ("body", "status", "attr"),
        [
            ({}, 400, "name"),
            ({"name": "iris"}, 400, "models"),
            ({"name": "iris", "models": []}, 400, "models"),
            ({"name": "Iris!", "models": ["iris:1"]}, 400, "name"),
            ({"name": "iris", "models": ["iris:9"]}, 404, None),
            ({"name": "iris", "models": ["iris:1"], "config": "none:1"}, 404, None),
            ({"name": "iris", "models": ["iris:1"], "target": "moon"}, 404, None),
            ({"name": "iris", "models": ["iris:1"], "deployment_config": {"cpu": -1}}, 400, "cpu"),
            ({"name": "iris", "models": ["iris:1"], "deployment_config": "much"}, 400, "deployment_config"),
            (
                {"name": "iris", "models": ["iris:1"], "deployment_config": {"server": {"warm_up": {"runs": 2}}}},
                400,
                "server",
            ),
        ],
    )
    def test_invalid_request_is_rejected_at_its_field(self, api, bob, iris, body, status, attr):
        answer = api(bob).post(SERVICES, body)
        assert answer.status_code == status
        if attr:
            assert attr in {error["attr"] for error in answer.json()["errors"]}
        assert not Service.objects.exists()

    def test_version_of_another_workspace_is_not_found(self, api, bob, elsewhere):
        make_version(elsewhere, "secret")
        assert api(bob).post(SERVICES, {"name": "iris", "models": ["secret:1"]}).status_code == 404


class TestRevisions:
    @pytest.fixture
    def updated(self, workspace, bob, iris, fake, service):
        """Revision 2 serves; revision 1 still has its bundle."""
        second = make_version(workspace, "iris")
        updated = fake.visit(deploy(workspace, bob, second, target=fake.target, overwrite=True), 10)
        first = updated.revisions.get(number=1)
        BuiltBundle.objects.create(place="one", content_hash=first.content_hash)
        return updated

    def test_revisions_are_listed_newest_first_with_rollback_candidates(self, api, carol, updated):
        answer = api(carol).get(f"{SERVICES}/iris/revisions")
        assert answer.status_code == 200
        keys = ("number", "models", "config", "state", "share", "can_roll_back")
        assert [tuple(row[key] for key in keys) for row in answer.json()["results"]] == [
            (2, ["iris:2"], "no-code:1", "Healthy", 100, False),
            (1, ["iris:1"], "no-code:1", "Stopped", 0, True),
        ]

    def test_rollback_serves_the_named_revision(self, api, bob, fake, updated):
        answer = api(bob).post(f"{SERVICES}/iris/rollback", {"revision": 1}, format="json")
        assert (answer.status_code, answer.json()["revision"], answer.json()["update"]["state"]) == (
            200,
            1,
            "Transitioning",
        )
        fake.visit(updated, 10)
        shown = api(bob).get(f"{SERVICES}/iris").json()
        assert (shown["state"], shown["models"], shown["observed_revision"]) == ("Healthy", ["iris:1"], 1)

    def test_rollback_without_a_revision_serves_the_previous_one(self, api, bob, updated):
        assert api(bob).post(f"{SERVICES}/iris/rollback").json()["revision"] == 1

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            ({"revision": 9}, 404, "not_found"),
            ({"revision": 0}, 400, "min_value"),
            ({"revision": "one"}, 400, "invalid"),
            ({"revision": 2**70}, 400, "max_value"),
        ],
    )
    def test_rollback_to_an_invalid_revision_is_rejected(self, api, bob, updated, body, status, code):
        answer = api(bob).post(f"{SERVICES}/iris/rollback", body, format="json")
        assert (answer.status_code, codes(answer)) == (status, [code])

    def test_rollback_to_a_revision_without_its_bundle_is_a_conflict(self, api, bob, updated):
        BuiltBundle.objects.all().delete()
        answer = api(bob).post(f"{SERVICES}/iris/rollback", {"revision": 1}, format="json")
        assert (answer.status_code, codes(answer)) == (409, ["revision_not_built"])
        listed = api(bob).get(f"{SERVICES}/iris/revisions").json()["results"]
        assert [row["can_roll_back"] for row in listed] == [False, False]


class TestRoles:
    def test_viewer_can_only_read(self, api, carol, service):
        client = api(carol)
        assert client.get(SERVICES).status_code == 200
        assert client.get(f"{SERVICES}/iris").status_code == 200
        assert client.get(f"{SERVICES}/iris/logs").status_code == 200
        refused = [
            client.post(SERVICES, {"name": "x", "models": ["iris:1"]}),
            client.post(f"{SERVICES}/iris/stop"),
            client.post(f"{SERVICES}/iris/start"),
            client.delete(f"{SERVICES}/iris"),
            client.get(f"{SERVICES}/iris/keys"),
            client.post(f"{SERVICES}/iris/keys/primary/regenerate"),
            client.post(f"{SERVICES}/iris/score", {}),
        ]
        assert [answer.status_code for answer in refused] == [403] * 7

    def test_read_only_token_cannot_read_keys(self, api, bob, service):
        assert api(bob, access="read").get(f"{SERVICES}/iris/keys").status_code == 403

    def test_services_are_not_found_for_non_members(self, api, mallory, service):
        client = api(mallory)
        assert [client.get(SERVICES).status_code, client.get(f"{SERVICES}/iris").status_code] == [404, 404]

    def test_values_of_variables_are_hidden_from_viewers(self, api, bob, carol, workspace, iris, fake):
        config = {"environment_variables": {"API_KEY": "hush"}}
        deploy(workspace, bob, iris, target=fake.target, deployment_config=config)
        shown = [api(person).get(f"{SERVICES}/iris").json()["deployment_config"] for person in (bob, carol)]
        assert [one["environment_variables"] for one in shown] == [{"API_KEY": "hush"}, {"API_KEY": "•••"}]

    def test_values_of_variables_are_hidden_from_read_only_tokens(self, api, bob, workspace, iris, fake):
        config = {"environment_variables": {"API_KEY": "hush"}}
        deploy(workspace, bob, iris, target=fake.target, deployment_config=config)
        client = api(bob, access="read")
        shown = [client.get(f"{SERVICES}/iris").json(), *client.get(SERVICES).json()["results"]]
        assert [one["deployment_config"]["environment_variables"] for one in shown] == [{"API_KEY": "•••"}] * 2


class TestReadingServices:
    def test_list_is_sorted_by_name_in_few_queries(
        self, api, bob, workspace, iris, fake, django_assert_max_num_queries
    ):
        for name in ("c", "a", "b"):
            deploy(workspace, bob, iris, target=fake.target, name=name)
        client = api(bob)
        with django_assert_max_num_queries(20):
            answer = client.get(SERVICES)
        assert [one["name"] for one in answer.json()["results"]] == ["a", "b", "c"]

    def test_services_are_filtered_by_state_and_model(self, api, bob, workspace, iris, fake, service):
        deploy(workspace, bob, make_version(workspace, "digits"), target=fake.target, name="digits")
        client = api(bob)

        def names(**query):
            return [one["name"] for one in client.get(SERVICES, query).json()["results"]]

        assert names(state="healthy") == ["iris"]
        assert names(model="digits") == ["digits"]
        assert names(model="iris:1") == ["iris"]
        assert names(model="iris:2") == names(model="iris:x") == []

    def test_cause_of_a_failure_is_shown(self, api, bob, workspace, iris, fake):
        fake.behave("failing")
        fake.visit(deploy(workspace, bob, iris, target=fake.target), 3)
        shape = api(bob).get(f"{SERVICES}/iris").json()
        assert shape["state"] == "Failed"
        assert shape["cause"]["code"] == "init_failed"
        assert shape["cause"]["hint"]
        assert shape["cause"]["evidence"] == "Traceback …"

    def test_unknown_service_is_not_found(self, api, bob, workspace):
        assert api(bob).get(f"{SERVICES}/nothing").status_code == 404


class TestVerbs:
    def test_stop_and_start(self, api, bob, service):
        client = api(bob)
        assert client.post(f"{SERVICES}/iris/stop").json()["desired"] == "stopped"
        assert client.post(f"{SERVICES}/iris/start").json()["desired"] == "running"

    def test_delete_is_accepted_and_done_by_reconciliation(self, api, bob, fake, service):
        answer = api(bob).delete(f"{SERVICES}/iris")
        assert (answer.status_code, answer.json()["desired"]) == (202, "deleted")
        assert Service.objects.get().desired == Desired.DELETED

    def test_keys_are_shown_and_regenerated(self, api, bob, service):
        client = api(bob)
        before = client.get(f"{SERVICES}/iris/keys").json()
        after = client.post(f"{SERVICES}/iris/keys/primary/regenerate").json()
        assert set(before) == {"primary", "secondary"}
        assert after["primary"] != before["primary"]
        assert after["secondary"] == before["secondary"]
        assert client.post(f"{SERVICES}/iris/keys/third/regenerate").status_code == 404


class TestLogs:
    def test_service_log_is_read_in_pieces(self, api, bob, service):
        client = api(bob)
        first = client.get(f"{SERVICES}/iris/logs").json()
        assert first["text"] == "revision 1 starts\n"
        assert client.get(f"{SERVICES}/iris/logs?offset={first['offset']}").json()["text"] == ""
        assert client.get(f"{SERVICES}/iris/logs?offset=-7").json()["text"] == "starts\n"

    def test_log_of_another_replica_is_read(self, api, bob, fake, service):
        Instance.objects.update(replicas=2)
        fake.visit(service, 2)
        assert api(bob).get(f"{SERVICES}/iris/logs?replica=2").json()["text"] == "revision 1 starts, replica 2\n"
        assert api(bob).get(f"{SERVICES}/iris/logs?replica={'9' * 300}").json()["text"] == ""
        assert api(bob).get(f"{SERVICES}/iris/logs?replica=x").status_code == 400

    def test_build_log_is_read(self, api, bob, service):
        path = build_log_path(Build.objects.get().pk)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("Resolving…\n")
        assert api(bob).get(f"{SERVICES}/iris/logs?source=build").json()["text"] == "Resolving…\n"

    def test_invalid_log_offset_is_rejected(self, api, bob, service):
        assert api(bob).get(f"{SERVICES}/iris/logs?offset=x").status_code == 400


@pytest.fixture
def answering(monkeypatch):
    """Services answer every call with status 418; `answering` lists the calls."""
    calls = []

    def call(url, body, headers, begun, transport):
        calls.append((url, body, headers))
        return scoring_client.ScoreResult(418, {"content-type": "application/json"}, b'{"tea": true}', 1.5)

    monkeypatch.setattr(scoring_client, "_call", call)
    return calls


class TestScoring:
    def test_score_forwards_body_and_primary_key_and_returns_the_response(self, api, bob, service, answering):
        raw = b'{"data": [[1, 2, 3, 4]]}'
        answer = api(bob).generic("POST", f"{SERVICES}/iris/score", raw, content_type="application/json")
        assert (answer.status_code, answer.content) == (418, b'{"tea": true}')
        assert answer.headers["X-Slipway-Milliseconds"] == "1.50"
        [(url, body, headers)] = answering
        assert (url, body) == (f"http://127.0.0.1:{service.port}/score", raw)
        assert headers["Authorization"] == f"Bearer {service.keys.get(slot='primary').value}"

    def test_score_reaches_the_routes_of_the_open_inference_protocol(self, api, bob, service, answering):
        api(bob).post(f"{SERVICES}/iris/score?path=/v2/models/iris/infer", {})
        assert answering[0][0].endswith("/v2/models/iris/infer")

    @pytest.mark.parametrize(
        "path", ["/../admin", "@evil.example/score", "/score/../../x", "//evil.example/", "/metrics"]
    )
    def test_score_rejects_other_paths(self, api, bob, service, answering, path):
        assert api(bob).post(f"{SERVICES}/iris/score?path={path}", {}).status_code == 400
        assert answering == []

    def test_score_connects_to_this_machine_only(self, service, answering):
        for path in ("/score", "/score@evil.example", "/v2/:80@evil.example"):
            scoring_client.score(service, b"{}", path=path)
        assert all(url.startswith(f"http://127.0.0.1:{service.port}/") for url, _, _ in answering)

    def test_score_of_a_stopped_service_is_a_conflict(self, api, bob, service):
        service.desired = Desired.STOPPED
        service.save()
        answer = api(bob).post(f"{SERVICES}/iris/score", {})
        assert (answer.status_code, codes(answer)) == (409, ["service_not_answering"])

    def test_score_of_an_unreachable_service_is_a_conflict(self, api, bob, service):
        answer = api(bob).post(f"{SERVICES}/iris/score", {})
        assert (answer.status_code, codes(answer)) == (409, ["service_not_answering"])

    def test_score_with_a_body_that_is_too_large_is_rejected(self, api, bob, service, monkeypatch):
        monkeypatch.setattr("deployments.api.parsers.MAX_REQUEST_BYTES", 10)
        assert api(bob).post(f"{SERVICES}/iris/score", {"data": [1, 2, 3, 4, 5]}).status_code == 413

    def test_html_of_a_service_is_never_rendered_by_the_studio(self, api, bob, service, monkeypatch):
        html = scoring_client.ScoreResult(200, {"content-type": "text/html"}, b"<script>", 1.0)
        monkeypatch.setattr(scoring_client, "_call", lambda *_: html)
        answer = api(bob).post(f"{SERVICES}/iris/score", {})
        assert answer.headers["Content-Type"] == "application/octet-stream"

    def test_score_rejects_a_path_outside_the_service(self, service):
        with pytest.raises(BadInput):
            scoring_client.score(service, b"", path="http://evil.example/")


def test_service_without_a_build_is_described(api, bob, service):
    Build.objects.all().delete()
    assert api(bob).get(f"{SERVICES}/iris").json()["state"] == Phase.HEALTHY


def test_log_pieces_end_between_characters(tmp_path):
    path = tmp_path / "log"
    path.write_text("aé€😀z" * 50)
    for limit in range(4, 12):
        text, offset = "", 0
        while True:
            piece, offset = log_files.read_from(path, offset, limit)
            if not piece:
                break
            text += piece
        assert text == "aé€😀z" * 50


def test_log_with_bytes_that_postgres_rejects_is_read_without_them(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"before\0after")
    assert log_files.tail(path) == "before\N{REPLACEMENT CHARACTER}after"
    assert log_files.read_from(path, 6)[1] == 12
