"""Calls to the studio, with the device key; what keeps it from answering has a name."""

import http.client
import json
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO

from scoring.edge.problems import EdgeProblem
from scoring.edge_contract import PARTS_PATH, POLL_PATH, TELEMETRY_PATH

SECONDS = 30.0
MOST_BYTES = 8 * 1024 * 1024  # of an answer that is read at once
CLOCK_REASONS = ("certificate is not yet valid", "certificate has expired")


class Studio:
    """One studio as one device sees it. Every call raises `EdgeProblem` when it does not come about."""

    def __init__(self, url: str, key: str, ca_file: str = "", *, seconds: float = SECONDS) -> None:
        self._url, self._key, self._seconds = url, key, seconds
        self._tls = ssl.create_default_context(cafile=ca_file or None) if url.startswith("https:") else None

    def poll(self, report: dict[str, Any]) -> dict[str, Any] | None:
        """Tell how the device is; gives the signed document where there is a newer one than it has."""
        with self._call(POLL_PATH, json.dumps(report).encode()) as response:
            try:
                body = response.read(MOST_BYTES)
            except (OSError, http.client.HTTPException) as error:
                raise _no_studio(self._url, f"its answer broke off ({error!r})") from error
        try:
            return dict(json.loads(body)) if body else None
        except ValueError as error:
            raise _no_studio(self._url, "it answered something that is no JSON") from error

    def send_windows(self, service: int, windows: list[Any], clock: float) -> None:
        """Hand over telemetry. `clock`: what this device takes for the time, as the windows are dated by it."""
        body = {"service": service, "windows": windows, "clock": clock}
        with self._call(TELEMETRY_PATH, json.dumps(body).encode()):
            pass

    @contextmanager
    def part(self, digest: str, offset: int) -> Iterator[tuple[BinaryIO, int]]:
        """The bytes of a part from `offset` on, and where they really begin: at 0 where the studio sends all of it."""
        headers = {"Range": f"bytes={offset}-", "If-Range": f'"{digest}"'} if offset else {}
        with self._call(f"{PARTS_PATH}/{digest}", headers=headers) as response:
            yield response, offset if response.status == 206 else 0

    def _call(self, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Any:
        """The response, open for reading."""
        known = {"Authorization": f"Bearer {self._key}", "Accept": "application/json"} | (headers or {})
        if body is not None:
            known["Content-Type"] = "application/json"
        request = urllib.request.Request(f"{self._url}/{path}", body, known)  # noqa: S310 - an address of agent.json
        try:
            return urllib.request.urlopen(request, timeout=self._seconds, context=self._tls)  # noqa: S310
        except urllib.error.HTTPError as error:
            raise _refused(error) from error
        except urllib.error.URLError as error:
            raise _unreachable(self._url, error.reason) from error
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise _unreachable(self._url, error) from error


def _refused(error: urllib.error.HTTPError) -> EdgeProblem:
    if error.code == 401:
        return EdgeProblem(
            "wrong_key",
            "The studio does not know the key of this device: it was revoked, or agent.json is of another studio.",
            "Make a new key on the device's page, or with 'slipway device regenerate-key', and put it into agent.json.",
        )
    if error.code == 429:
        return EdgeProblem("too_many_calls", "The studio asks for fewer calls.", "The agent waits by itself.")
    detail = error.read(2000).decode(errors="replace")
    return EdgeProblem(
        "studio_refused", f"The studio answered {error.code}: {detail}", "Look at the device's page and its log there."
    )


def _unreachable(url: str, reason: Any) -> EdgeProblem:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return _certificate(reason)
    if isinstance(reason, ssl.SSLError):
        return EdgeProblem(
            "tls_failed", f"No TLS with {url}: {reason}", "Check that the address is that of the studio."
        )
    if isinstance(reason, socket.gaierror):
        return EdgeProblem("unknown_name", f"The name in {url} is not known: {reason}", "Check the address and DNS.")
    if isinstance(reason, TimeoutError):
        return _no_studio(url, "it did not answer in time")
    return _no_studio(url, str(reason))


def _certificate(reason: ssl.SSLCertVerificationError) -> EdgeProblem:
    if reason.verify_message in CLOCK_REASONS:
        now = datetime.now(UTC)
        return EdgeProblem(
            "tls_clock",
            f"The studio's {reason.verify_message} at the time of this device, which is {now:%Y-%m-%d %H:%M} UTC.",
            "Set the clock of the device; if it is right, renew the certificate of the studio.",
        )
    return EdgeProblem(
        "tls_untrusted",
        f"This device does not trust the certificate of the studio: {reason.verify_message}.",
        "Name the certificate of your authority as ca_file in agent.json.",
    )


def _no_studio(url: str, why: str) -> EdgeProblem:
    return EdgeProblem("unreachable", f"The studio at {url} cannot be reached: {why}", "The agent tries again.")
