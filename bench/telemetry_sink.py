"""Takes telemetry as the studio would, so that pushing it costs what it costs."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Sink(BaseHTTPRequestHandler):
    windows = 0

    def do_POST(self) -> None:
        Sink.windows += len(json.loads(self.rfile.read(int(self.headers["Content-Length"]))).get("windows", ()))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the console."""


@contextmanager
def telemetry_sink() -> Iterator[int]:
    """The port of a sink that runs meanwhile."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
