"""A stand-in for the studio's telemetry address, and servers that push to it."""

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.scoring.conftest import double_model

GOOD = {"data": [[1, 2, 3, 4]]}


class Studio:
    """A stand-in for the studio's telemetry address."""

    def __init__(self, port: int, status: int = 202) -> None:
        self.windows, self.tokens, self.pushes, self.status = [], set(), 0, status
        self.unreadable = set()  # sequences of windows with which it takes nothing
        studio = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                studio.pushes += 1
                studio.tokens.add(self.headers["Authorization"])
                unread = studio.unreadable.intersection(window["sequence"] for window in body["windows"])
                status = 400 if unread else studio.status
                if status == 202:
                    studio.windows += body["windows"]
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def codes(self):
        return self.sums("codes")

    def sums(self, name):
        total = Counter()
        for window in self.windows:
            total.update(window.get(name, {}))
        return dict(total)


def start(replica, port, **more):
    telemetry = {"url": f"http://127.0.0.1:{port}/api/v1/telemetry", "token": "t", "service": 5, "seconds": 0.2}
    return replica.with_models(double=double_model).start(telemetry=telemetry, processes=2, **more)


def spooled(replica):
    return list((replica.folder / "spool").glob("*.json"))
