"""A studio for agents: it signs documents, sends parts, and misbehaves on order."""

import base64
import gzip
import hashlib
import io
import json
import ssl
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

DEVICE_KEY = "slwd_device"


def packed(files: dict[str, bytes]) -> bytes:
    """A part with these files."""
    total = io.BytesIO()
    with tarfile.open(fileobj=total, mode="w") as tar:
        for name, content in sorted(files.items()):
            header = tarfile.TarInfo(name)
            header.size, header.mode = len(content), 0o644
            tar.addfile(header, io.BytesIO(content))
    return gzip.compress(total.getvalue(), 1, mtime=0)


def files_below(folder: Path, prefix: str = "") -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return {f"{prefix}{path.relative_to(folder).as_posix()}": path.read_bytes() for path in paths}


class EdgeStudio:
    """`cut`: bytes after which each download of a part breaks off; None for whole ones. `replace`: what is sent in
    place of parts, by digest."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.private = Ed25519PrivateKey.generate()
        self.sequence, self.services, self.device = 1, [], "7"
        self.parts: dict[str, bytes] = {}
        self.replace: dict[str, bytes] = {}
        self.cut: int | None = None
        self.reports: list[dict[str, Any]] = []
        self.windows: list[dict[str, Any]] = []
        self.ranges: list[str] = []
        self.envelope_to_send: dict[str, str] | None = None
        self.is_away = False
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        scheme = "http"
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def public_key(self) -> str:
        return base64.b64encode(self.private.public_key().public_bytes_raw()).decode()

    def add_part(self, files: dict[str, bytes]) -> dict[str, Any]:
        content = packed(files)
        digest = hashlib.sha256(content).hexdigest()
        self.parts[digest] = content
        return {"sha256": digest, "size": len(content), "unpacked": sum(map(len, files.values()))}

    def want(self, *services: dict[str, Any]) -> None:
        self.sequence += 1
        self.services = list(services)

    def envelope(self, **changes: Any) -> dict[str, str]:
        document = {"format": 1, "device": self.device, "sequence": self.sequence, "poll_seconds": 0.3}
        text = json.dumps(document | {"services": self.services} | changes)
        return {"document": text, "signature": base64.b64encode(self.private.sign(text.encode())).decode()}

    def report_of(self, service: int) -> dict[str, Any]:
        return self.reports[-1]["services"].get(str(service), {}) if self.reports else {}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _handler(studio) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the handler's
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None: ...

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if studio.is_away:
                    self.close_connection = True
                    return
                if self.headers["Authorization"] != f"Bearer {DEVICE_KEY}":
                    self.answer(401, b"{}")
                elif self.path.endswith("/poll"):
                    studio.reports.append(body)
                    envelope = studio.envelope_to_send or studio.envelope()
                    self.answer(200, json.dumps(envelope).encode())
                else:
                    studio.windows.append(body)
                    self.answer(202, b"{}")

            def do_GET(self) -> None:
                digest = self.path.rpartition("/")[2]
                content = studio.replace.get(digest) or studio.parts[digest]
                first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
                studio.ranges.append(self.headers.get("Range", ""))
                rest = content[first:]
                self.send_response(206 if first else 200)
                self.send_header("Content-Length", str(len(rest)))
                self.end_headers()
                self.wfile.write(rest if studio.cut is None else rest[: studio.cut])
                self.close_connection = studio.cut is not None

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler
