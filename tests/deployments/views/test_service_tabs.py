"""The tabs Test and Logs of a service's page."""

import json

import pytest

from deployments.config.json_text import readable
from deployments.models import Build
from deployments.recipe.build_paths import build_log_path
from deployments.services import scoring_client
from deployments.views import equivalent_commands
from registry.models import ModelVersion, VersionState
from registry.versions import samples
from tests.deployments.service_factories import deploy
from tests.pages import text_of, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(fake, service):
    """A service that is Healthy."""
    return fake.visit(service, 2)


class TestTestTab:
    def test_example_request_is_made_from_the_signature(self, sign_in, bob, service):
        page = sign_in(bob).get(url("service_detail", name="iris") + "?tab=test")
        body = json.loads(page.context["body"])
        assert body["inputs"][0]["name"] == "x"
        assert body["inputs"][0]["datatype"] == "FP32"

    def test_bundled_sample_has_its_own_example_request(self, sign_in, bob, workspace, fake):
        iris = next(version for version in samples.add(workspace, bob) if version.model.name == "iris")
        ModelVersion.objects.update(state=VersionState.READY)
        iris.refresh_from_db()
        deploy(workspace, bob, iris, target=fake.target)
        page = sign_in(bob).get(url("service_detail", name="iris") + "?tab=test")
        assert json.loads(page.context["body"]) == json.loads((samples.FOLDER / "iris/sample.json").read_text())

    @pytest.mark.parametrize("body", [{"data": [[5, 6]]}, [], None])
    def test_warm_up_request_is_the_example_request(self, sign_in, bob, workspace, fake, iris, body):
        config = {"server": {"warm_up": {"body": body}}}
        deploy(workspace, bob, iris, target=fake.target, deployment_config=config)
        page = sign_in(bob).get(url("service_detail", name="iris") + "?tab=test")
        assert json.loads(page.context["body"]) == body
        assert "Sent to /score with the primary key." in text_of(page)

    def test_request_is_sent_to_the_path_of_the_warm_up_request(self, sign_in, bob, workspace, fake, iris, monkeypatch):
        warm_up = {"body": {"inputs": []}, "path": "/v2/models/iris/infer"}
        deploy(workspace, bob, iris, target=fake.target, deployment_config={"server": {"warm_up": warm_up}})
        called = []
        result = scoring_client.ScoreResult(200, {}, b"{}", 1.0)
        monkeypatch.setattr(scoring_client, "_call", lambda url, *_: called.append(url) or result)
        page = sign_in(bob).post(url("service_test", name="iris"), {"body": "{}"})
        assert called[0].endswith("/v2/models/iris/infer")
        assert "Sent to /v2/models/iris/infer with" in text_of(page)
        assert all("/v2/models/iris/infer" in snippet["text"] for snippet in page.context["snippets"])

    def test_grpc_snippet_is_shown_for_a_service_with_grpc(self, sign_in, bob, workspace, fake, iris):
        service = deploy(workspace, bob, iris, target=fake.target, deployment_config={"grpc": True, "auth": False})
        snippets = sign_in(bob).get(url("service_detail", name="iris") + "?tab=test").context["snippets"]
        code = {snippet["label"]: snippet["text"] for snippet in snippets}["Python, gRPC"]
        assert f"InferenceServerClient('127.0.0.1:{service.grpc_port}')" in code
        assert "client.infer('iris', [input_1])" in code
        assert "np.full([1, 4], 0.0, np.float32)" in code

    def test_grpc_snippet_is_not_shown_without_grpc(self, sign_in, bob, service):
        page = sign_in(bob).get(url("service_detail", name="iris") + "?tab=test")
        assert [snippet["label"] for snippet in page.context["snippets"]] == ["curl", "Python"]

    def test_response_is_shown_with_status_and_time_without_javascript(self, sign_in, bob, service, monkeypatch):
        result = scoring_client.ScoreResult(200, {"content-type": "application/json"}, b'{"class":"setosa"}', 3.21)
        monkeypatch.setattr(scoring_client, "_call", lambda *_: result)
        answer = sign_in(bob).post(url("service_test", name="iris"), {"body": '{"data": []}'})
        assert answer.status_code == 200
        assert "setosa" in text_of(answer)
        assert "3.2 ms" in text_of(answer)
        assert answer.context["body"] == '{"data": []}'

    def test_htmx_request_gets_only_the_response(self, sign_in, bob, service, monkeypatch):
        result = scoring_client.ScoreResult(500, {}, b"boom", 1.0)
        monkeypatch.setattr(scoring_client, "_call", lambda *_: result)
        answer = sign_in(bob).post(url("service_test", name="iris"), {"body": "{}"}, HTTP_HX_REQUEST="true")
        assert text_of(answer).count("<section") == 1
        assert "500" in text_of(answer)
        assert "boom" in text_of(answer)

    def test_unreachable_service_is_explained(self, sign_in, bob, service):
        answer = sign_in(bob).post(url("service_test", name="iris"), {"body": "{}"})
        assert answer.status_code == 409
        assert "does not answer" in text_of(answer)

    def test_response_of_a_service_is_escaped(self, sign_in, bob, service, monkeypatch):
        result = scoring_client.ScoreResult(200, {}, b"<script>alert(1)</script>", 1.0)
        monkeypatch.setattr(scoring_client, "_call", lambda *_: result)
        assert "<script>alert(1)" not in text_of(sign_in(bob).post(url("service_test", name="iris"), {"body": "{}"}))


class TestLogs:
    def test_server_log_is_read_in_pieces(self, sign_in, carol, service):
        piece = sign_in(carol).get(url("service_logs", name="iris")).json()
        assert piece == {"text": "revision 1 starts\n", "offset": 18, "done": False}

    def test_server_log_can_be_downloaded(self, sign_in, carol, service):
        answer = sign_in(carol).get(url("service_logs", name="iris") + "?download=1")
        assert b"".join(answer.streaming_content) == b"revision 1 starts\n"
        assert "iris.log" in answer["Content-Disposition"]

    def test_deployment_log_is_the_build_log_followed_by_the_server_log(self, sign_in, carol, service):
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


def test_python_snippet_is_valid_for_any_body():
    code = equivalent_commands.score_python("http://127.0.0.1:1", '{"data": [[1.5, true, null]]}', credential="key")
    compile(code, "snippet", "exec")
    assert "'data': [[1.5, True, None]]" in code
    compile(equivalent_commands.score_python("http://127.0.0.1:1", "not json", credential=""), "snippet", "exec")


def test_rows_of_numbers_stay_on_one_line():
    assert readable({"a": [1, 2.5], "b": [[1], []], "c": {}, "d": "é"}) == (
        '{\n  "a": [1, 2.5],\n  "b": [\n    [1],\n    []\n  ],\n  "c": {},\n  "d": "é"\n}'
    )
