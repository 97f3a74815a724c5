"""Call a service once, for people who try it from the studio. Clients call it directly: this is never their way."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import httpx

from deployments.errors import NotScorable, ServiceNotAnswering
from deployments.models import Desired, Service
from deployments.services import tokens
from deployments.services.describe import address_of, socket_of
from deployments.services.scaling import scaling_now
from deployments.targets.unix_sockets import checked_path, connect
from deployments.traffic.front_address import front_address_of, front_url
from studio.core.errors import BadInput, TooLarge

MAX_REQUEST_BYTES = 16 * 1024**2
MAX_ANSWER_BYTES = 16 * 1024**2
CONNECT_SECONDS = 2.0
TOKEN_LIFETIME = timedelta(minutes=1)  # of the token for one call
ANSWER_SECONDS = 65.0  # for the whole answer: a little more than a service may take
LOCALHOST = "http://localhost"  # what is called so answers at a unix socket
PATHS = ("/score", "/invocations", "/v1/", "/v2/", "/swagger.json")


@dataclass(frozen=True)
class ScoreResult:
    """What the service answered, whatever its status, and how long that took as seen from the studio."""

    status: int
    headers: dict[str, str]
    body: bytes
    milliseconds: float

    @property
    def ran_ms(self) -> str:
        """How many milliseconds the run itself took, as the service says; empty where it does not."""
        return self.headers.get("x-ms-run-fn-exec-ms", "")

    @property
    def request_id(self) -> str:
        """What the service's log calls the request."""
        return self.headers.get("x-request-id", "")

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "application/octet-stream")


def score(service: Service, body: bytes, content_type: str = "application/json", path: str = "/score") -> ScoreResult:
    """POST `body` to the service with its primary key, or a token made for this one call; through the front where the
    service may sleep.

    Raises `NotScorable` when nothing can answer, `ServiceNotAnswering` when nothing did, `TooLarge` and `BadInput`.
    """
    address = _address(service)
    if not address or service.desired != Desired.RUNNING:
        raise NotScorable(f"{service} does not run.", hint="Start it first.")
    if len(body) > MAX_REQUEST_BYTES:
        raise TooLarge("The test sends at most 16 MB.", hint="Call the service's own address for larger requests.")
    if not path.startswith(PATHS) or ".." in path:
        raise _no_path(path)
    headers = {"Content-Type": content_type, "Accept": "application/json"} | _authorization(service)
    begun = time.perf_counter()
    try:
        with _transport(service if address == LOCALHOST else None) as transport:
            return _call(f"{address}{path}", body, headers, begun, transport)
    except (TimeoutError, httpx.TimeoutException) as error:
        raise ServiceNotAnswering(
            f"{service} did not answer in time.", hint="It may be overloaded or stuck in run(). Read its log."
        ) from error
    except (httpx.RemoteProtocolError, httpx.ReadError) as error:
        raise ServiceNotAnswering(
            f"{service} ended the connection without an answer.",
            hint="A process of it may have ended, for want of memory for instance. Read its log.",
        ) from error
    except httpx.HTTPError as error:
        raise NotScorable(
            f"{service} does not answer: {error}", hint="Wait until it is Healthy; its page tells what is missing."
        ) from error
    except httpx.InvalidURL as error:
        raise _no_path(path) from error


def wakes(service: Service) -> bool:
    """Whether a call starts it where it sleeps: the front holds the call meanwhile."""
    return bool(front_url()) and scaling_now(service).sleeps


def _address(service: Service) -> str:
    if wakes(service):
        return front_address_of(service)
    return address_of(service) or front_address_of(service) or (LOCALHOST if socket_of(service) else "")


def _no_path(path: str) -> BadInput:
    return BadInput(f"{path!a:.200} is no path of a scoring service.", hint="Use /score or /v2/models/<name>/infer.")


def _authorization(service: Service) -> dict[str, str]:
    needed = tokens.needed_for(service)
    if not needed:
        return {}
    if needed == "token":
        return {"Authorization": f"Bearer {tokens.sign(service, 'studio', TOKEN_LIFETIME)}"}
    key = service.keys.filter(slot="primary").first()
    return {"Authorization": f"Bearer {key.value}"} if key else {}


@contextmanager
def _transport(service: Service | None) -> Iterator[httpx.AsyncBaseTransport | None]:
    """To the unix socket of a service's replica, once it is known whose it is; None: over TCP, as usual. `OSError`
    becomes `NotScorable`."""
    place = socket_of(service) if service is not None else None
    if service is None or place is None:
        yield None
        return
    try:
        connect(*place, CONNECT_SECONDS).close()
        with checked_path(*place) as name:
            yield httpx.AsyncHTTPTransport(uds=name)
    except OSError as error:
        raise NotScorable(
            f"{service} does not answer: {error}", hint="Wait until it is Healthy; its page tells what is missing."
        ) from error


def _call(
    url: str, body: bytes, headers: dict[str, str], begun: float, transport: httpx.AsyncBaseTransport | None
) -> ScoreResult:
    """Raises `TimeoutError` when the whole answer is not there in time."""
    return asyncio.run(_answer(url, body, headers, begun, transport))


async def _answer(
    url: str, body: bytes, headers: dict[str, str], begun: float, transport: httpx.AsyncBaseTransport | None
) -> ScoreResult:
    """Asynchronous for the sake of one deadline: httpx's own is for each read, and a script may stream for ever."""
    sent = httpx.Headers(headers, encoding="latin-1")  # as WSGI gave us what the caller said of the body
    connecting = httpx.Timeout(None, connect=CONNECT_SECONDS)
    # No proxies, no redirects: the key goes to the service or nowhere.
    async with (
        asyncio.timeout(ANSWER_SECONDS),
        httpx.AsyncClient(timeout=connecting, trust_env=False, follow_redirects=False, transport=transport) as client,
        client.stream("POST", url, content=body, headers=sent) as answer,
    ):
        content = await _read(answer)
        milliseconds = (time.perf_counter() - begun) * 1000
        return ScoreResult(answer.status_code, dict(answer.headers), content, milliseconds)


async def _read(answer: httpx.Response) -> bytes:
    content = bytearray()
    async for piece in answer.aiter_bytes():
        content += piece
        if len(content) > MAX_ANSWER_BYTES:
            raise TooLarge("The answer is larger than 16 MB.", hint="Call the service's own address for it.")
    return bytes(content)
