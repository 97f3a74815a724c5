"""Uploads that go on where the last run of the command was interrupted."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from slipway import profiles
from slipway.client import Client
from slipway.errors import Unreachable
from slipway.journal import Sent, open_journal
from tests.slipway.conftest import URL
from tests.slipway.fake import TOKEN, FakeStudio, error

DROPPED = httpx.ReadError("connection reset")
WHOLE = b"0123456789"


@pytest.fixture
def told():
    return []


@pytest.fixture
def client(studio, told):
    with Client(URL, TOKEN, "vision", tell=told.append) as found:
        yield found


@pytest.fixture
def interrupted(client, studio, model):
    """8 of the 10 bytes have arrived, and the process is gone."""

    def stop_at(count):
        sent.append(count)
        if sum(sent) == 8:
            raise KeyboardInterrupt

    sent = []
    with pytest.raises(KeyboardInterrupt):
        client.register_model("iris", [model], progress=stop_at, resume=True)
    studio.requests.clear()
    return client


def puts(studio):
    return [path for verb, path in studio.requests if verb == "PUT"]


def journals():
    return list((profiles.config_file().parent / "uploads").iterdir())


def test_the_same_command_sends_only_what_has_not_arrived(interrupted, studio, model, told):
    moved = []
    interrupted.register_model("iris", [model], progress=moved.append, resume=True)
    assert studio.versions["iris:1"]["data"] == {"model.onnx": WHOLE}
    assert (puts(studio), moved) == (["workspaces/vision/uploads/u1"], [8, 2])
    assert told == ["Going on with model.onnx: 8 B of 10 B are there."]
    assert journals() == []


def test_without_being_asked_nothing_is_taken_up(interrupted, studio, model):
    interrupted.register_model("iris", [model])
    assert len(puts(studio)) == 3


def test_files_that_had_arrived_whole_are_not_sent_again(client, studio, model, told):
    other = model.with_name("other.bin")
    other.write_bytes(b"abcdefgh")
    studio.faults = [("PUT", "/u2", DROPPED)] * 100
    with pytest.raises(Unreachable):
        client.register_model("iris", [model, other], resume=True)
    studio.faults.clear()
    studio.requests.clear()
    client.register_model("iris", [model, other], resume=True)
    assert studio.versions["iris:1"]["data"] == {"model.onnx": WHOLE, "other.bin": b"abcdefgh"}
    assert puts(studio) == ["workspaces/vision/uploads/u2"] * 2


@pytest.mark.parametrize("content", [b"9876543210", b"another length"])
def test_a_file_that_changed_meanwhile_is_sent_from_the_beginning(interrupted, studio, model, told, content):
    model.write_bytes(content)
    interrupted.register_model("iris", [model], resume=True)
    assert studio.versions["iris:1"]["data"] == {"model.onnx": content}
    assert told == ["model.onnx has changed since it was sent in part: sending it from the beginning."]
    assert len(studio.uploads) == 1, "the old one is given up"


def test_a_change_that_size_and_time_hide_is_found_by_the_digest(interrupted, studio, model, told):
    times = model.stat()
    model.write_bytes(b"9876543210")
    os.utime(model, ns=(times.st_atime_ns, times.st_mtime_ns))
    interrupted.register_model("iris", [model], resume=True)
    assert studio.versions["iris:1"]["data"] == {"model.onnx": b"9876543210"}
    assert "has changed" in told[-1]


def test_an_upload_that_the_studio_has_forgotten_begins_anew(interrupted, studio, model):
    studio.uploads.clear()
    interrupted.register_model("iris", [model], resume=True)
    assert studio.versions["iris:1"]["data"] == {"model.onnx": WHOLE}


def test_a_file_that_is_refused_for_good_is_forgotten(client, studio, model):
    studio.faults = [("PUT", "/u1", error(413, "too_large", "Too large."))]
    with pytest.raises(Exception, match="Too large"):
        client.register_model("iris", [model], resume=True)
    assert (studio.uploads, journals()) == ({}, [])


def test_two_commands_at_once_do_not_share_an_upload(tmp_path, model):
    here = (tmp_path / "j", URL, "w", [model])
    with open_journal(*here) as first, open_journal(*here) as other:
        assert (first is None, other is None) == (False, True)


def test_a_journal_that_broke_off_counts_as_far_as_it_goes(interrupted, studio, model):
    (journal,) = journals()
    journal.write_text(journal.read_text() + '["model.onnx", "u9", 1')
    interrupted.register_model("iris", [model], resume=True)
    assert puts(studio) == ["workspaces/vision/uploads/u1"]


def test_what_is_noted_behind_a_line_that_broke_off_is_read_again(tmp_path, model):
    here = (tmp_path / "j", URL, "w", [model])
    sent = Sent("u1", 10, 1)
    with open_journal(*here) as journal:
        journal.note("a.onnx", sent)
    (file,) = here[0].iterdir()
    file.write_text(file.read_text() + '["b.onnx", "u9", 1')
    with open_journal(*here) as journal:
        journal.note("b.onnx", sent)
    with open_journal(*here) as journal:
        assert [journal.known(name) for name in ("a.onnx", "b.onnx")] == [sent, sent]


def test_where_nothing_can_be_remembered_everything_works_as_without(client, studio, model, monkeypatch):
    place = profiles.config_file().parent
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("a file where the folder would be")
    client.register_model("iris", [model], resume=True)
    assert studio.versions["iris:1"]["data"] == {"model.onnx": WHOLE}


@pytest.mark.parametrize("ending", ["/uploads", "/complete"])
def test_announcing_and_completing_are_tried_again(client, studio, model, ending):
    studio.faults = [("POST", ending, DROPPED), ("POST", ending, httpx.Response(503))]
    client.register_model("iris", [model])
    assert studio.versions["iris:1"]["data"] == {"model.onnx": WHOLE}


def test_ctrl_c_says_how_to_go_on(slipway, signed_in, model, monkeypatch):
    original = signed_in.append

    def stop(upload, offset, data):
        if offset:
            raise KeyboardInterrupt
        return original(upload, offset, data)

    monkeypatch.setattr(signed_in, "append", stop)
    answer = slipway("model", "register", "-n", "iris", "-p", model)
    assert answer.code == 130
    assert answer.err.splitlines() == [
        "Interrupted at 4 B of 10 B.",
        "Hint: Run the same command again: what has arrived is not sent again.",
    ]
    monkeypatch.setattr(signed_in, "append", original)
    answer = slipway("model", "register", "-n", "iris", "-p", model)
    assert answer.err.splitlines() == ["Going on with model.onnx: 4 B of 10 B are there.", "Registered iris:1."]


class Door(BaseHTTPRequestHandler):
    """A studio in memory behind a real address. The second chunk waits for `go_on`."""

    def answer(self):
        length = int(self.headers.get("Content-Length", 0))
        body, headers = self.rfile.read(length), dict(self.headers)
        request = httpx.Request(self.command, f"{URL}{self.path}", headers=headers, content=body)
        if self.command == "PUT" and "offset=4" in self.path and not self.server.go_on.is_set():
            self.server.stuck.set()
            self.server.go_on.wait(60)
            return
        response = self.server.studio.handle(request)
        self.send_response(response.status_code)
        self.send_header("Content-Length", str(len(response.content)))
        self.end_headers()
        self.wfile.write(response.content)

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, *args):
        pass


@pytest.fixture
def door():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.studio, server.stuck, server.go_on = FakeStudio(), threading.Event(), threading.Event()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.go_on.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_command_that_was_killed_goes_on(door, model, home):
    environ = os.environ | {"SLIPWAY_URL": f"http://127.0.0.1:{door.server_port}", "SLIPWAY_TOKEN": TOKEN}
    environ |= {"SLIPWAY_WORKSPACE": "vision", "XDG_CONFIG_HOME": str(home / "config")}
    command = [sys.executable, "-m", "slipway", "model", "register", "-n", "iris", "-p", str(model)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as first:
        assert door.stuck.wait(60)
        first.kill()
    door.go_on.set()
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == ["Going on with model.onnx: 4 B of 10 B are there.", "Registered iris:1."]
    assert door.studio.versions["iris:1"]["data"] == {"model.onnx": WHOLE}
    assert len(door.studio.uploads) == 1
