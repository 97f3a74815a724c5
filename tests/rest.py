"""A REST client that lives through what the crash tests do to the studio."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.stack import Stack

HEALTHY_SECONDS = 60


class Rest:
    """The administrator's view of the default workspace. `get` asks again while web is away; writing never does."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        facts = {"username": stack.username, "password": stack.password}
        token = httpx.post(stack.url("/api/v1/sign-in"), json=facts, timeout=30).raise_for_status().json()["token"]
        self.headers = {"Authorization": f"Bearer {token}"}
        self.base = stack.url("/api/v1/workspaces/default/")

    def get(self, path: str, seconds: float = 30) -> Any:
        deadline = time.monotonic() + seconds
        while True:
            try:
                answer = httpx.get(self.base + path, headers=self.headers, timeout=30)
                if answer.status_code < 500 or time.monotonic() > deadline:
                    return answer.raise_for_status().json()
            except httpx.TransportError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.1)

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        return httpx.request(method, self.base + path, headers=self.headers, timeout=60, **more)

    def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.send("POST", path, json=body or {})
        assert answer.status_code == status, answer.text
        return answer.json()

    # --- the verbs of the main job

    def begin(self, path: str, content: bytes) -> dict:
        return self.post("uploads", {"path": path, "size": len(content)}, 201)

    def put(self, upload: dict, offset: int, chunk: Any, length: int | None = None) -> httpx.Response:
        headers = self.headers | {"Content-Type": "application/octet-stream"}
        headers |= {"Content-Length": str(length)} if length is not None else {}
        address = f"{self.base}uploads/{upload['id']}"
        return httpx.put(address, params={"offset": offset}, content=chunk, headers=headers, timeout=60)

    def send_rest(self, upload: dict, content: bytes) -> None:
        """Everything from where the upload stands, chunk by chunk."""
        offset = self.get(f"uploads/{upload['id']}")["received"]
        while offset < len(content):
            answer = self.put(upload, offset, content[offset : offset + upload["chunk_bytes"]])
            offset = answer.raise_for_status().json()["received"]

    def upload(self, path: str, content: bytes) -> str:
        upload = self.begin(path, content)
        self.send_rest(upload, content)
        return self.post(f"uploads/{upload['id']}/complete")["id"]

    def register(self, name: str, *files: Path) -> str:
        """The version's id, at once."""
        ids = [self.upload(file.name, file.read_bytes()) for file in files]
        return self.post("versions", {"name": name, "files": ids}, 201)["id"]

    def deploy(self, name: str, model: str, **more: Any) -> dict:
        return self.post("services", {"name": name, "models": [model], **more}, 201)

    def until(self, path: str, done: Callable[[dict], Any], seconds: float) -> tuple[dict, float]:
        """The first answer that is `done`, and the seconds until it came."""
        began = time.monotonic()
        while not done(found := self.get(path)):
            assert time.monotonic() - began < seconds, f"not within {seconds} s: {found}\n{self.stack.log()[-3000:]}"
            time.sleep(0.2)
        return found, time.monotonic() - began

    def until_ready(self, version: str, seconds: float = 60) -> tuple[dict, float]:
        return self.until(f"versions/{version}", lambda found: found["state"] == "ready", seconds)

    def until_healthy(self, name: str, seconds: float = HEALTHY_SECONDS) -> tuple[dict, float]:
        return self.until(f"services/{name}", lambda found: found["state"] == "Healthy", seconds)

    def actions(self, subject_type: str, label: str) -> list[str]:
        """What the audit trail tells of one thing, oldest first."""
        return [event["action"] for event in reversed(self._events(subject_type, label))]

    def _events(self, subject_type: str, label: str) -> list[dict]:
        found: list[dict] = []
        page = 1
        while True:
            answer = self.get(f"events?subject_type={subject_type}&subject={label}&page={page}")
            found += [event for event in answer["results"] if event["subject_label"] == label]
            if not answer["next"]:
                return found
            page += 1
