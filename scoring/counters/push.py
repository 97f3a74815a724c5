"""Send spooled windows to the studio from a thread of the master; never in anybody's way."""

import http.client
import threading
from urllib.parse import urlsplit

import msgspec

from scoring.contract import Telemetry
from scoring.core.log import log
from scoring.counters.spool import Spool

MAX_BATCH_WINDOWS = 200
TIMEOUT_SECONDS = 10.0
MAX_BACKOFF_SECONDS = 60.0
REJECTING_STATUSES = (401, 403, 410)  # the studio knows this service no more, or not with this token
UNREADABLE_STATUSES = (400, 413, 422)  # sending the same windows again would end the same way


class Pusher(threading.Thread):
    """Pushes whenever there is something new, with growing pauses while the studio is down."""

    def __init__(self, spool: Spool, telemetry: Telemetry) -> None:
        super().__init__(name="telemetry", daemon=True)
        self._spool = spool
        self._telemetry = telemetry
        self._wake_up = threading.Event()
        self._stopping = threading.Event()
        self._delay = 0.0

    def wake(self) -> None:
        """A window has been added."""
        self._wake_up.set()

    def flush(self, seconds: float) -> None:
        """Give the last windows a chance; what remains stays in the spool."""
        self._stopping.set()
        self._wake_up.set()
        self.join(seconds)

    def run(self) -> None:
        wanted = True
        while wanted:
            self._wake_up.wait()
            self._wake_up.clear()
            last = self._stopping.is_set()
            try:
                wanted = self._push_all() and not last
            except Exception as error:  # whatever it is, nobody would start this thread again
                self._back_off(repr(error))
            if self._delay and not last:
                self._stopping.wait(self._delay)

    def _push_all(self) -> bool:
        """Send all there is; False when the studio wants none of it."""
        most = MAX_BATCH_WINDOWS
        while windows := self._spool.oldest(most):
            pushed = {"service": self._telemetry.service, "windows": [window.body for window in windows]}
            body, telemetry = msgspec.json.encode(pushed), self._telemetry
            status, said = post(telemetry.url, telemetry.token, body, TIMEOUT_SECONDS)
            if status in REJECTING_STATUSES:
                log(f"the studio refuses this service's telemetry ({status}); it is kept, not sent", "W")
                return False
            if status in UNREADABLE_STATUSES and len(windows) > 1:
                most = len(windows) // 2  # until the one is found, so that the others are not lost with it
                continue
            if status in UNREADABLE_STATUSES:
                unread = bytes(windows[0].body).decode()
                log(f"the studio cannot read a telemetry window ({status}), which is dropped: {unread}", "E")
            elif not 200 <= status < 300:
                self._back_off(said or str(status))
                return True
            self._spool.drop([window.sequence for window in windows])
            self._delay, most = 0.0, MAX_BATCH_WINDOWS
        return True

    def _back_off(self, reason: str) -> None:
        if not self._delay:
            log(f"the studio does not take telemetry now ({reason}); trying again later", "W")
        self._delay = min(max(self._delay * 2, self._telemetry.seconds / 2), MAX_BACKOFF_SECONDS)


def post(url: str, token: str, body: bytes, seconds: float) -> tuple[int, str]:
    """Post JSON to the studio: the HTTP status, or 0 and why there is none."""
    address, headers = urlsplit(url), {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=seconds)
    try:
        connection.request("POST", f"{address.path or '/'}?{address.query}".rstrip("?"), body, headers)
        response = connection.getresponse()
        response.read()
        return response.status, ""
    except (OSError, http.client.HTTPException) as error:
        return 0, repr(error)
    finally:
        connection.close()
