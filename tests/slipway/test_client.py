import httpx
import pytest

from registry.store.paths import safe_path
from slipway import places, transport, waiting
from slipway.errors import AlreadyThere, Failed, Misuse, SlipwayApiError, SlipwayError, TimedOut, Unreachable
from slipway.transport import normal_url
from tests.slipway.fake import answer as own_answer
from tests.slipway.fake import error

DROPPED = httpx.ReadError("connection reset")
GONE = httpx.ConnectError("connection refused")


def sent(studio, method):
    return [path for verb, path in studio.requests if verb == method]


# --- uploads ---


def test_a_file_goes_up_in_chunks_and_becomes_a_version(client, studio, model):
    moved = []
    version = client.register_model("iris", [model], tags={"area": "demo"}, progress=moved.append)
    assert (version["id"], version["tags"]) == ("iris:1", {"area": "demo"})
    assert studio.versions["iris:1"]["data"] == {"model.onnx": b"0123456789"}
    assert moved == [4, 4, 2]


def test_a_folder_keeps_the_paths_below_it(client, studio, tmp_path):
    (tmp_path / "model" / "sub").mkdir(parents=True)
    (tmp_path / "model" / "a.txt").write_bytes(b"a")
    (tmp_path / "model" / "sub" / "b.txt").write_bytes(b"b")
    client.register_model("iris", [tmp_path / "model"])
    assert studio.versions["iris:1"]["data"] == {"a.txt": b"a", "sub/b.txt": b"b"}
    assert studio.versions["iris:1"]["folder"] == "model"


def test_an_empty_file_is_sent_without_a_chunk(client, studio, tmp_path):
    (tmp_path / "empty").touch()
    client.register_model("iris", [tmp_path / "empty"])
    assert studio.versions["iris:1"]["data"] == {"empty": b""}


@pytest.mark.parametrize("fault", [DROPPED, GONE, httpx.Response(503), httpx.ReadTimeout("slow")])
def test_upload_continues_after_a_dropped_connection(client, studio, model, fault):
    studio.faults = [("PUT", "/u1", fault)] * 3
    client.register_model("iris", [model])
    assert studio.versions["iris:1"]["data"] == {"model.onnx": b"0123456789"}
    assert sent(studio, "GET") == ["workspaces/vision/uploads/u1"] * 3


def test_a_chunk_that_had_arrived_is_not_sent_again(client, studio, model):
    original = studio.append
    lost = []

    def lose_one_answer(upload, offset, data):
        answer = original(upload, offset, data)
        if not lost:
            lost.append(offset)
            raise DROPPED
        return answer

    studio.append = lose_one_answer
    client.register_model("iris", [model])
    assert studio.versions["iris:1"]["data"] == {"model.onnx": b"0123456789"}
    assert len(sent(studio, "PUT")) == 3


def test_a_chunk_of_which_half_has_arrived_is_finished(client, studio, model):
    original = studio.append
    cut = []

    def cut_the_second(upload, offset, data):
        if offset == 4 and not cut:
            cut.append(original(upload, offset, data[:1]))
            raise DROPPED
        return original(upload, offset, data)

    studio.append = cut_the_second
    client.register_model("iris", [model])
    assert studio.versions["iris:1"]["data"] == {"model.onnx": b"0123456789"}


def test_upload_continues_at_the_offset_that_the_studio_names(client, studio, model):
    studio.faults = [("PUT", "/u1", error(409, "wrong_offset", "Go on from 0."))]
    client.register_model("iris", [model])
    assert studio.versions["iris:1"]["data"] == {"model.onnx": b"0123456789"}


def test_an_upload_that_fails_for_good_leaves_nothing_behind(client, studio, tmp_path, model):
    (tmp_path / "other").write_bytes(b"x")
    studio.faults = [("PUT", "/u2", error(413, "too_large", "Too large."))]
    with pytest.raises(SlipwayApiError) as raised:
        client.register_model("iris", [tmp_path / "other", model])
    assert raised.value.code == "too_large"
    assert studio.uploads == {}


def test_an_interrupted_upload_leaves_nothing_behind(client, studio, model):
    def interrupt(count):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.register_model("iris", [model], progress=interrupt)
    assert studio.uploads == {}


def test_a_studio_that_stays_away_ends_the_upload(client, studio, model):
    studio.faults = [("PUT", "/u1", GONE)] * 100
    with pytest.raises(Unreachable):
        client.register_model("iris", [model])


def test_files_that_cannot_be_registered_are_named_before_anything_is_sent(client, studio, tmp_path, model):
    (tmp_path / "empty").mkdir()
    for paths in (["nothing-here"], [tmp_path / "empty"], [model, model]):
        with pytest.raises(Misuse):
            client.register_model("iris", paths)
    assert studio.requests == []


# --- downloads ---


def test_downloaded_version_equals_what_was_registered(client, model, tmp_path):
    client.register_model("iris", [model])
    files = client.download("iris:1", tmp_path / "target")
    assert files == [tmp_path / "target" / "model.onnx"]
    assert files[0].read_bytes() == b"0123456789"


def test_download_replaces_existing_file_only_with_overwrite(client, model, tmp_path):
    client.register_model("iris", [model])
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "model.onnx").write_bytes(b"mine")
    with pytest.raises(AlreadyThere):
        client.download("iris:1", tmp_path / "target")
    assert (tmp_path / "target" / "model.onnx").read_bytes() == b"mine"
    client.download("iris", tmp_path / "target", overwrite=True)
    assert (tmp_path / "target" / "model.onnx").read_bytes() == b"0123456789"


def test_damaged_download_is_discarded(client, studio, model, tmp_path):
    client.register_model("iris", [model])
    studio.versions["iris:1"]["data"]["model.onnx"] = b"damaged"
    with pytest.raises(SlipwayError, match="SHA-256"):
        client.download("iris:1", tmp_path / "target")
    assert list((tmp_path / "target").iterdir()) == []


@pytest.mark.parametrize("path", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", ""])
def test_download_refuses_paths_outside_of_the_target_folder(client, studio, model, tmp_path, path):
    client.register_model("iris", [model])
    studio.versions["iris:1"]["files"][0]["path"] = path
    with pytest.raises(SlipwayError, match="leave the folder"):
        client.download("iris:1", tmp_path / "target")


TAKEN = ["model:v1.txt", "a:b.txt", "12:30 Uhr.txt", "per%20cent #1?.txt", "[x]'\"&=.txt", "CON", "a/b:c", "e " * 120]


@pytest.mark.parametrize("name", TAKEN)
def test_download_writes_files_of_every_accepted_name(client, tmp_path, name):
    file = tmp_path / "in" / name
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x")
    assert safe_path(name) == name
    client.register_model("odd", [tmp_path / "in"])
    client.download("odd:1", tmp_path / "out")
    assert (tmp_path / "out" / name).read_bytes() == b"x"


def test_download_on_windows_skips_and_names_impossible_file_names(client, studio, model, tmp_path, monkeypatch):
    monkeypatch.setattr(places, "WINDOWS", True)
    client.register_model("iris", [model])
    facts = studio.versions["iris:1"]
    for name in ("C:evil", "nul.txt", "a/b?", "ends."):
        facts["files"].insert(0, facts["files"][-1] | {"path": name})
    with pytest.raises(SlipwayError) as raised:
        client.download("iris:1", tmp_path / "target")
    assert raised.value.message.startswith("4 of 5 files of iris:1 cannot be written on this machine: ")
    for reason in ("'C:evil': Windows takes no : in names", "'nul.txt'", "'a/b?'", "'ends.'"):
        assert reason in raised.value.message
    assert [file.name for file in (tmp_path / "target").iterdir()] == ["model.onnx"]


# --- errors and waiting ---


def test_an_error_keeps_code_detail_and_hint(client):
    with pytest.raises(SlipwayApiError) as raised:
        client.version("nothing:1")
    found = raised.value
    assert (found.status, found.code, found.exit_code) == (404, "not_found", 4)
    assert found.detail == "There is no version 'nothing:1'."
    assert found.hint == "See 'slipway model list'."


@pytest.mark.parametrize(
    "answer", [httpx.Response(404, text="<html>"), httpx.Response(302), httpx.Response(200, text="x")]
)
def test_answer_of_another_server_is_reported_as_not_a_studio(client, studio, answer):
    studio.faults = [("GET", "me", answer)]
    with pytest.raises(SlipwayApiError) as raised:
        client.me()
    assert "not as a studio does" in raised.value.detail
    assert "address" in raised.value.hint


def test_get_is_retried_and_post_is_not(client, studio):
    studio.faults = [("GET", "me", DROPPED), ("GET", "me", httpx.Response(502)), ("POST", "/services", DROPPED)]
    assert client.me()["username"] == "alice"
    with pytest.raises(Unreachable):
        client.deploy("iris", ["iris:1"])
    assert len(sent(studio, "POST")) == 1


def test_a_request_that_was_never_sent_is_sent_again(client, studio):
    studio.faults = [("POST", "/services", GONE)]
    assert client.deploy("iris", ["iris:1"])["name"] == "iris"


def test_lists_are_read_page_by_page(client, studio, model):
    for name in ("a", "b", "c"):
        client.register_model(name, [model])
    assert [row["name"] for row in client.models()] == ["a", "b", "c"]
    assert len([path for path in sent(studio, "GET") if path.endswith("models")]) == 2


def test_wait_ends_at_the_state_and_reports_every_poll(client, studio):
    client.deploy("iris", ["iris:1"])
    studio.states["iris"] = ["Transitioning", "Transitioning", "Healthy"]
    looks = []
    found = client.wait_for("iris", {"Healthy"}, on_look=lambda service: looks.append(service["state"]))
    assert found["state"] == "Healthy"
    assert looks == ["Transitioning", "Transitioning", "Healthy"]


def test_waiting_gives_up_with_the_cause_when_a_service_fails(client, studio):
    client.deploy("iris", ["iris:1"])
    cause = {"code": "init_failed", "message": "init() raised.", "hint": "Look at line 3.", "evidence": "Traceback"}
    studio.services["iris"]["cause"] = cause
    studio.states["iris"] = ["Transitioning", "Failed"]
    with pytest.raises(Failed) as raised:
        client.wait_for("iris", {"Healthy"})
    assert raised.value.message == "iris is Failed: init() raised."
    assert (raised.value.code, raised.value.hint, raised.value.evidence) == (
        "init_failed",
        "Look at line 3.",
        "Traceback",
    )


def test_waiting_survives_a_restart_of_the_studio(client, studio):
    client.deploy("iris", ["iris:1"])
    studio.states["iris"] = ["Healthy"]
    studio.faults = [("GET", "/services/iris", GONE)] * 9
    assert client.wait_for("iris", {"Healthy"})["state"] == "Healthy"


def test_waiting_for_a_studio_that_stays_away_ends(client, studio, monkeypatch):
    monkeypatch.setattr(waiting, "PATIENCE_SECONDS", 0.01)
    studio.faults = [("GET", "/services/iris", GONE)] * 10_000
    with pytest.raises(Unreachable):
        client.wait_for("iris", {"Healthy"})


def test_wait_for_service_raises_timeout(client):
    client.deploy("iris", ["iris:1"])
    with pytest.raises(TimedOut) as raised:
        client.wait_for("iris", {"Healthy"}, timeout=0.01)
    assert raised.value.exit_code == 6


def test_a_failed_service_may_still_be_waited_for_to_stop(client, studio):
    client.deploy("iris", ["iris:1"])
    studio.states["iris"] = ["Failed", "Stopped"]
    assert client.wait_for("iris", {"Stopped"})["state"] == "Stopped"


def test_a_rejected_version_says_why(client, studio, model):
    client.register_model("iris", [model])
    studio.inspections = ["uploaded", "rejected"]
    with pytest.raises(Failed, match="This is no ONNX file"):
        client.wait_for_version("iris:1")


def test_waiting_for_a_version_ends_when_its_files_are_damaged(client, studio, model):
    client.register_model("iris", [model])
    studio.inspections = ["uploaded", "damaged"]
    with pytest.raises(Failed, match="iris:1 is damaged"):
        client.wait_for_version("iris:1", timeout=10)


def test_a_services_own_error_is_an_answer_and_not_an_exception(client, studio):
    client.deploy("iris", ["iris:1"])
    studio.score = own_answer({"error": {"code": "bad_shape"}}, 400)
    answer = client.score("iris", b"[]")
    assert (answer.status, answer.text, answer.milliseconds) == (400, '{"error":{"code":"bad_shape"}}', 1.25)
    studio.score = error(503, "not_running", "iris is stopped.")
    with pytest.raises(SlipwayApiError, match="iris is stopped"):
        client.score("iris", b"[]")


def test_address_without_scheme_gets_http():
    assert normal_url("127.0.0.1:8000/") == "http://127.0.0.1:8000"
    assert normal_url(" https://studio.example ") == "https://studio.example"


def test_retry_pauses_grow_to_a_maximum(monkeypatch):
    monkeypatch.setattr(transport, "FIRST_PAUSE", 0.3)
    assert [transport.pause(attempt) for attempt in range(6)] == pytest.approx([0.3, 0.6, 1.2, 2.4, 4.8, 5])
