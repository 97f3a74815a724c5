"""The tabs Test and Logs of a service's page."""

import json
import re
from types import SimpleNamespace

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from deployments.config.json_text import readable
from deployments.models import Build, Instance
from deployments.recipe.build_paths import build_log_path
from deployments.services import lifecycle, scoring_client
from deployments.views import call_snippets
from registry.models import ModelVersion, VersionState
from registry.versions import samples
from tests.deployments.service_factories import deploy
from tests.pages import text_of, url
from tests.targets.fake.driver import FakeDriver

pytestmark = pytest.mark.django_db

ONE, TWO = (f"0f3c9d1e-7f7c-4111-a222-00000000000{number}" for number in (1, 2))
TRACE = [
    "Traceback (most recent call last):",
    '  File "/data/bundles/0f3c/source/score.py", line 5, in run',
    "    return model[data]",
    "KeyError: 'x'",
]


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
        page = sign_in(bob).get(url("service_detail", name="iris") + "?tab=test&as=json")
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
        labels = [snippet["label"] for snippet in page.context["snippets"]]
        assert labels == ["curl", "Python", "JavaScript", "Java", "C#"]

    @pytest.fixture
    def called(self, monkeypatch):
        """What was sent to services: address, body and content type of each call, which are answered with `answer`."""
        calls, answer = [], {"status": 200, "headers": {}, "body": b"{}"}

        def call(url, body, headers, begun, transport):
            calls.append((url, body, headers["Content-Type"]))
            return scoring_client.ScoreResult(answer["status"], answer["headers"], answer["body"], 84.3)

        monkeypatch.setattr(scoring_client, "_call", call)
        return SimpleNamespace(calls=calls, answer=answer)

    def send(self, client, typed, **more):
        return client.post(url("service_test", name="iris"), typed, **more)

    def test_form_of_the_signature_is_sent_as_a_v2_request(self, sign_in, bob, service, called):
        client = sign_in(bob)
        form = client.get(url("service_detail", name="iris"), {"tab": "test"}).context["form"]
        assert [(one.label, one.kind, one.value) for one in form.fields[:1]] == [("x 1", "number", 0.0)]
        answer = self.send(client, {"as": "form", **{f"field-0-{n}": f"{n}.5" for n in range(4)}})
        body = json.loads(called.calls[0][1])
        assert body["inputs"] == [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [0.5, 1.5, 2.5, 3.5]}]
        assert answer.context["form"].fields[3].value == "3.5", "what was typed stays"

    def test_form_with_an_invalid_number_names_its_field_and_sends_nothing(self, sign_in, bob, service, called):
        answer = self.send(sign_in(bob), {"as": "form", "field-0-2": "blue"})
        assert answer.status_code == 400
        assert "x 3: &#x27;blue&#x27; is no number." in text_of(answer)
        assert called.calls == []

    @pytest.mark.parametrize(
        ("name", "content_type", "path"),
        [
            ("cat.png", "image/png", "/score"),
            ("rows.npy", "application/x-npy", "/score"),
            ("rows.csv", "text/csv", "/invocations"),
            ("blob", "application/octet-stream", "/score"),
        ],
    )
    def test_uploaded_file_is_sent_with_its_content_type(self, sign_in, bob, service, called, name, content_type, path):
        self.send(sign_in(bob), {"as": "file", "file": SimpleUploadedFile(name, b"\x00\xffbytes")})
        assert called.calls == [(f"http://127.0.0.1:{service.port}{path}", b"\x00\xffbytes", content_type)]

    def test_missing_file_is_an_error(self, sign_in, bob, service, called):
        answer = self.send(sign_in(bob), {"as": "file"})
        assert (answer.status_code, called.calls) == (400, [])
        assert "Choose a file to send." in text_of(answer)

    def test_response_is_a_table_with_class_names_and_run_time(self, sign_in, bob, iris, service, called):
        type(iris).objects.filter(pk=iris.pk).update(properties={"classes": "setosa, virginica"})
        outputs = [{"name": "p", "shape": [1, 2], "datatype": "FP32", "data": [0.25, 0.75]}]
        called.answer |= {
            "body": json.dumps({"outputs": outputs}).encode(),
            "headers": {"x-ms-run-fn-exec-ms": "0.412"},
        }
        answer = self.send(sign_in(bob), {"body": "{}"})
        (row,) = answer.context["table"].rows
        assert [(value.label, value.text, value.is_highest) for value in row[0].values] == [
            ("setosa", "0.25", False),
            ("virginica", "0.75", True),
        ]
        assert "run 0.41 ms, round trip from the studio 84 ms" in " ".join(text_of(answer).split())

    def test_500_response_links_to_the_log_of_its_request(self, sign_in, bob, service, called):
        called.answer |= {"status": 500, "headers": {"x-request-id": "a b&c"}, "body": b'{"message": "boom"}'}
        page = text_of(self.send(sign_in(bob), {"body": "{}"}))
        assert url("service_detail", name="iris") + "?tab=logs&amp;request=a+b%26c" in page
        called.answer |= {"status": 400}
        assert "tab=logs&amp;request=" not in text_of(self.send(sign_in(bob), {"body": "{}"}))

    def test_send_is_disabled_for_a_stopped_service(self, sign_in, bob, fake, service):
        client = sign_in(bob)
        send = r'<button[^>]*type="submit"\s*disabled>[^<]*<svg.*?Send'
        assert not re.search(send, text_of(client.get(url("service_detail", name="iris") + "?tab=test")), re.DOTALL)
        lifecycle.stop(service, bob)
        fake.visit(service, 3)
        page = text_of(client.get(url("service_detail", name="iris") + "?tab=test"))
        assert re.search(send, page, re.DOTALL)
        assert "iris: stopped, no calls possible." in page

    def test_response_is_shown_with_status_and_time_without_javascript(self, sign_in, bob, service, monkeypatch):
        result = scoring_client.ScoreResult(200, {"content-type": "application/json"}, b'{"class":"setosa"}', 3.21)
        monkeypatch.setattr(scoring_client, "_call", lambda *_: result)
        answer = sign_in(bob).post(url("service_test", name="iris"), {"body": '{"data": []}'})
        assert answer.status_code == 200
        assert "setosa" in text_of(answer)
        assert "round trip from the studio 3 ms" in " ".join(text_of(answer).split())
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
    @pytest.fixture
    def logged(self, service, monkeypatch):
        """A log of three requests and a warning, of which the driver gives a piece at a time."""
        printed = {
            ONE: ["reading", *TRACE],
            TWO: ["reading", "done"],
        }
        lines = [f"[{request}] {line}" for request, text in printed.items() for line in text]
        log = "\n".join(["2026-11-28 16:18:26.403 W [9] scoring - slow disk", *lines, ""])

        def logs(self, ref, offset=0, limit=64, *, replica=1):
            start = max(0, len(log) + offset) if offset < 0 else offset
            return log[start : start + limit], min(len(log), start + limit)

        monkeypatch.setattr(FakeDriver, "logs", logs)
        return service

    def tab(self, client, **query):
        return client.get(url("service_detail", name="iris"), {"tab": "logs", **query})

    def test_log_page_contains_the_newest_lines_with_each_request_id_once(self, sign_in, carol, logged):
        page = text_of(self.tab(sign_in(carol)))
        assert "slow disk" in page
        assert 'title="2026-11-28 16:18:26.403 UTC"' in page
        assert page.count(f'title="{ONE}"') == page.count(f'title="{TWO}"') == 1
        assert "File &quot;score.py&quot;, line 5, in run" in page
        assert "/data/bundles/" not in page

    def test_log_is_filtered_by_level_text_and_request(self, sign_in, carol, logged):
        def shown(**query):
            return [
                entry.text.splitlines()[-1]
                for block in self.tab(sign_in(carol), **query).context["blocks"]
                for entry in block.entries
            ]

        assert shown(level="error") == ["KeyError: 'x'"]
        assert shown(level="warning") == ["slow disk", "KeyError: 'x'"]
        assert shown(q="DONE") == ["done"]
        assert shown(request=TWO) == ["reading", "done"]
        assert "Nothing in the newest megabyte matches." in text_of(self.tab(sign_in(carol), q="nowhere"))

    def test_log_page_contains_the_last_200_lines(self, sign_in, carol, service, monkeypatch):
        log = "".join(f"line {number}\n" for number in range(500))
        monkeypatch.setattr(FakeDriver, "logs", lambda self, ref, offset=0, **_: (log[offset:], len(log)))
        page = self.tab(sign_in(carol))
        texts = [entry.text for block in page.context["blocks"] for entry in block.entries]
        assert (texts[0], texts[-1], len(texts)) == ("line 300", "line 499", 200)
        assert page.context["offset"] == len(log)

    def test_paths_of_the_log_are_relative_to_the_bundle(self, sign_in, carol, service, monkeypatch, settings):
        log = f"Model files:\n{settings.DATA_DIR}/bundles/{'a' * 64}/models/iris/1/model.pkl\n"
        monkeypatch.setattr(FakeDriver, "logs", lambda self, ref, offset=0, **_: (log[offset:], len(log)))
        [block] = sign_in(carol).get(url("service_detail", name="iris"), {"tab": "logs"}).context["blocks"]
        assert [entry.text for entry in block.entries] == ["Model files:", "bundle/models/iris/1/model.pkl"]

    def test_log_of_another_replica_can_be_chosen(self, sign_in, carol, fake, service):
        Instance.objects.update(replicas=2)
        fake.visit(service, 2)
        page = self.tab(sign_in(carol), replica="2")
        assert (page.context["chosen_replica"], page.context["replicas_with_log"]) == (2, [1, 2])
        assert '<option value="2" selected>Replica 2</option>' in page.content.decode()

    def test_log_of_another_revision_can_be_chosen(self, sign_in, bob, carol, workspace, iris, fake, service):
        fake.visit(deploy(workspace, bob, iris, target=fake.target, overwrite=True), 10)
        page = self.tab(sign_in(carol), revision="1")
        assert page.context["revisions_with_log"] == [2, 1]
        assert "revision 1 starts" in text_of(page)
        assert "revision 2 starts" in text_of(self.tab(sign_in(carol)))

    def test_filtered_log_is_read_in_pieces_of_whole_lines(self, sign_in, carol, logged):
        client = sign_in(carol)
        piece = client.get(url("service_logs", name="iris"), {"offset": "0", "level": "warning"}).json()
        assert piece["offset"] == len("2026-11-28 16:18:26.403 W [9] scoring - slow disk\n"), "only whole lines"
        assert (piece["html"].count("log-entry"), piece["done"]) == (1, False)
        later = client.get(url("service_logs", name="iris"), {"offset": "999999", "level": "warning"}).json()
        assert later["html"] == ""

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
            read, offset = read + piece["html"], piece["offset"]
            if not piece["html"]:
                break
        assert re.findall(r"(Built\.|revision 1 starts)", read) == ["Built.", "revision 1 starts"]
        assert piece["done"] is True
        page = client.get(url("service_detail", name="iris"))
        texts = [entry.text for block in page.context["blocks"] for entry in block.entries]
        assert (texts, page.context["offset"]) == (["Built.", "revision 1 starts"], offset)
        assert "revision" not in client.get(url("build_log", name="iris")).json()["html"]

    @pytest.mark.parametrize("offset", ["-5", "x", "²", "9" * 400])
    def test_invalid_log_offset_reads_from_the_start(self, sign_in, carol, service, offset):
        piece = sign_in(carol).get(url("service_logs", name="iris"), {"offset": offset}).json()
        assert "revision 1 starts" in piece["html"]


def test_python_snippet_is_valid_for_any_body():
    code = call_snippets.score_python("http://127.0.0.1:1", '{"data": [[1.5, true, null]]}', credential="key")
    compile(code, "snippet", "exec")
    assert "'data': [[1.5, True, None]]" in code
    compile(call_snippets.score_python("http://127.0.0.1:1", "not json", credential=""), "snippet", "exec")


@pytest.mark.parametrize(
    "write", [call_snippets.score_javascript, call_snippets.score_java, call_snippets.score_csharp]
)
@pytest.mark.parametrize("body", ['{"text": "say \\"hé\\" \\\\ ${x}\\n"}', "not json"])
def test_snippets_in_other_languages_contain_the_body_as_a_literal(write, body):
    code = write("http://127.0.0.1:1", body, credential="key")
    literals = [json.loads(found) for found in re.findall(r'"(?:[^"\\]|\\.)*"', code)]
    wanted = json.dumps(json.loads(body), ensure_ascii=False) if body.startswith("{") else body
    assert wanted in literals
    assert "SERVICE_KEY" in code
    assert "SERVICE_KEY" not in write("http://127.0.0.1:1", body, credential="")


def test_rows_of_numbers_stay_on_one_line():
    assert readable({"a": [1, 2.5], "b": [[1], []], "c": {}, "d": "é"}) == (
        '{\n  "a": [1, 2.5],\n  "b": [\n    [1],\n    []\n  ],\n  "c": {},\n  "d": "é"\n}'
    )
