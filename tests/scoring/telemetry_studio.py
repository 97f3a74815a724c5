"""A stand-in for the studio's telemetry address, and servers that push to it."""

import json
from collections import Counter

from tests.scoring.conftest import double_model
from tests.scoring.stand_in import StandIn

GOOD = {"data": [[1, 2, 3, 4]]}


class Studio:
    """A stand-in for the studio's telemetry address."""

    def __init__(self, port: int, status: int = 202) -> None:
        self.windows, self.tokens, self.pushes, self.status = [], set(), 0, status
        self.unreadable = set()  # sequences of windows with which it takes nothing
        self._stand_in = StandIn(self._take, port)
        self.close = self._stand_in.close

    def _take(self, body, headers):
        pushed = json.loads(body)
        self.pushes += 1
        self.tokens.add(headers["Authorization"])
        unread = self.unreadable.intersection(one["sequence"] for one in pushed["windows"])
        status = 400 if unread else self.status
        if status == 202:
            self.windows += pushed["windows"]
        return status

    def codes(self):
        return self.sums("codes")

    def sums(self, name):
        total = Counter()
        for window in self.windows:
            total.update((window.get("counters", {}) | window.get("histograms", {})).get(name, {}))
        return dict(total)


def start(replica, port, **more):
    telemetry = {"url": f"http://127.0.0.1:{port}/api/v1/telemetry", "token": "t", "service": 5, "seconds": 0.2}
    return replica.with_models(double=double_model).start(telemetry=telemetry, processes=2, **more)


def spooled(replica):
    return list((replica.folder / "spool").glob("*.json"))
