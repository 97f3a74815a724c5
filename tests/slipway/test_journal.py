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
def reported():
    return []


@pytest.fixture
def client(studio, reported):
    with Client(URL, TOKEN, "vision", report=reported.append) as found:
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


def test_repeated_upload_sends_only_missing_bytes(interrupted, studio, model, reported):
    moved = []
    interrupted.register_model("iris", [model], progress=moved.append, resume=True)
    assert studio.versions["iris:1"]["data"] == {"model.onnx": WHOLE}
    assert (puts(studio), moved) == (["workspaces/vision/uploads/u1"], [8, 2])
    assert reported == ["Going on with model.onnx: 8 of 10 B are there."]
    assert journals() == []


def test_upload_without_resume_starts_from_the_beginning(interrupted, studio, model):
    interrupted.register_model("iris", [model])
    assert len(puts(studio)) == 3


def test_resumed_upload_skips_complete_files(client, studio, model, reported):
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
def test_resume_of_changed_file_starts_from_the_beginning(interrupted, studio, model, reported, content):
    model.write_bytes(content)
    interrupted.register_model("iris", [model], resume=True)
    assert studio.versions["iris:1"]["data"] == {"model.onnx": content}
    assert reported == ["model.onnx has changed since it was sent in part: sending it from the beginning."]
    assert len(studio.uploads) == 1, "the old one is given up"


def test_resume_detects_changed_file_by_its_digest(interrupted, studio, model, reported):
    times = model.stat()
    model.write_bytes(b"9876543210")
    os.utime(model, ns=(times.st_atime_ns, times.st_mtime_ns))
    interrupted.register_model("iris", [model], resume=True)
    assert studio.versions["iris:1"]["data"] == {"model.onnx": b"9876543210"}
    assert "has changed" in reported[-1]


def test_resume_of_expired_upload_starts_from_the_beginning(interrupted, studio, model):
    studio.uploads.clear()
    interrupted.register_model("iris", [model], resume=True)
    assert studio.versions["iris:1"]["data"] == {"model.onnx": WHOLE}


def test_journal_is_removed_when_the_studio_refuses_a_file(client, studio, model):
    studio.faults = [("PUT", "/u1", error(413, "too_large", "Too large."))]
    with pytest.raises(Exception, match="Too large"):
        client.register_model("iris", [model], resume=True)
    assert (studio.uploads, journals()) == ({}, [])


def test_two_commands_at_once_do_not_share_an_upload(tmp_path, model):
    here = (tmp_path / "j", URL, "w", [model])
    with open_journal(*here) as first, open_journal(*here) as other:
        assert (first is None, other is None) == (False, True)


def test_truncated_last_line_of_journal_is_ignored(interrupted, studio, model):
    (journal,) = journals()
    journal.write_text(journal.read_text() + '["model.onnx", "u9", 1')
    interrupted.register_model("iris", [model], resume=True)
    assert puts(studio) == ["workspaces/vision/uploads/u1"]


def test_journal_entry_after_truncated_line_is_read(tmp_path, model):
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


def test_upload_works_without_a_writable_journal(client, studio, model, monkeypatch):
    place = profiles.config_file().parent
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("a file where the folder would be")
    client.register_model("iris", [model], resume=True)
    assert studio.versions["iris:1"]["data"] == {"model.onnx": WHOLE}


@pytest.mark.parametrize("ending", ["/uploads", "/complete"])
def test_begin_and_complete_of_upload_are_retried(client, studio, model, ending):
    studio.faults = [("POST", ending, DROPPED), ("POST", ending, httpx.Response(503))]
    client.register_model("iris", [model])
    assert studio.versions["iris:1"]["data"] == {"model.onnx": WHOLE}


def test_interrupted_upload_says_how_to_go_on_and_goes_on(slipway, signed_in, model, monkeypatch):
    original = signed_in.append

    def stop(upload, offset, data):
        if offset:
            raise KeyboardInterrupt
        return original(upload, offset, data)

    monkeypatch.setattr(signed_in, "append", stop)
    answer = slipway("model", "register", "-n", "iris", "-p", model)
    assert answer.code == 130
    assert answer.err.splitlines() == [
        "Interrupted at 4 of 10 B. Run it again to go on.",
    ]
    monkeypatch.setattr(signed_in, "append", original)
    answer = slipway("model", "register", "-n", "iris", "-p", model)
    assert answer.err.splitlines() == ["Going on with model.onnx: 4 of 10 B are there.", "Registered iris:1."]


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


def test_killed_upload_resumes(door, model, home):
    environ = os.environ | {"SLIPWAY_URL": f"http://127.0.0.1:{door.server_port}", "SLIPWAY_TOKEN": TOKEN}
    environ |= {"SLIPWAY_WORKSPACE": "vision", "XDG_CONFIG_HOME": str(home / "config")}
    command = [sys.executable, "-m", "slipway", "model", "register", "-n", "iris", "-p", str(model)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as first:
        assert door.stuck.wait(60)
        first.kill()
    door.go_on.set()
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == ["Going on with model.onnx: 4 of 10 B are there.", "Registered iris:1."]
    assert door.studio.versions["iris:1"]["data"] == {"model.onnx": WHOLE}
    assert len(door.studio.uploads) == 1
