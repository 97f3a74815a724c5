"""Uploads while the web server is killed, or its disk is full."""

import hashlib

import httpx
import pytest

from tests.breaking import IRIS, full_disk, incoming, padded_model
from tests.crash.conftest import MIB

pytestmark = pytest.mark.stack


def test_upload_survives_kills_of_the_web_server_between_and_during_chunks(studio, rest, report, assert_recorded_once):
    content = padded_model(3 * MIB + 4321)
    upload = rest.begin("model.onnx", content)
    assert rest.put(upload, 0, content[:MIB]).json()["received"] == MIB
    studio.kill("web")
    assert rest.get(f"uploads/{upload['id']}")["received"] == MIB

    def interrupted():
        yield content[MIB : MIB + MIB // 2]
        studio.kill("web")
        yield content[MIB + MIB // 2 : 2 * MIB]

    studio.wait_until_healthy()
    with pytest.raises(httpx.TransportError):
        rest.put(upload, MIB, interrupted(), MIB)
    assert rest.get(f"uploads/{upload['id']}")["received"] == MIB
    assert rest.send("PUT", f"uploads/{upload['id']}?offset=0", content=b"x").status_code == 409

    rest.send_rest(upload, content)
    digest = hashlib.sha256(content).hexdigest()
    assert rest.post(f"uploads/{upload['id']}/complete", {"sha256": digest})["sha256"] == digest
    version = rest.post("versions", {"name": "padded", "files": [upload["id"]]}, 201)["id"]
    found, seconds = rest.until_ready(version)
    report("upload through two kills of web, then inspected", seconds)
    assert found["files"] == [{"path": "model.onnx", "size": len(content), "sha256": digest, "damaged": False}]
    assert incoming(studio) == []
    assert_recorded_once("version", version, "registered", "accepted")


def test_full_disk_is_reported_and_later_uploads_work(studio, rest):
    content = padded_model(9 * MIB)
    upload = rest.begin("model.onnx", content)
    with full_disk(studio, 8 * MIB + MIB // 2):
        rest.send_rest(upload, content[: 8 * MIB])
        refused = rest.put(upload, 8 * MIB, content[8 * MIB : 9 * MIB])
        assert refused.status_code == 507
        assert refused.json()["errors"][0]["code"] == "storage_full"
        assert "disk is full" in refused.json()["errors"][0]["detail"]
        assert refused.json()["errors"][0]["hint"]
        assert rest.get(f"uploads/{upload['id']}")["received"] == 8 * MIB
        rest.until_ready(rest.register("while-full", IRIS / "model.onnx"))

    rest.send_rest(upload, content)
    assert rest.post(f"uploads/{upload['id']}/complete")["sha256"] == hashlib.sha256(content).hexdigest()
    assert rest.send("DELETE", f"uploads/{upload['id']}").status_code == 204
    assert incoming(studio) == []
