"""HTTP to one studio: address, token, errors as exceptions, and trying again where that is safe."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from slipway.errors import SlipwayApiError, Unreachable

RETRIES = 3
FIRST_PAUSE = 0.3  # seconds; doubled after every try
LONGEST_PAUSE = 5.0
AWAY = frozenset({429, 502, 503, 504})
SAFE = frozenset({"GET", "HEAD", "PUT"})

Params = Mapping[str, str | int]


class Transport:
    """Calls below `/api/v1/`. `sleep` is replaced in tests."""

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        timeout: float = 60,
        retries: int = RETRIES,
        http: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = normal_url(url)
        self.sleep = sleep
        self._retries = retries
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        limits = httpx.Timeout(timeout, connect=min(timeout, 10))
        self._http = httpx.Client(base_url=f"{self.url}/api/v1/", headers=headers, timeout=limits, transport=http)

    def close(self) -> None:
        self._http.close()

    def json(
        self, method: str, path: str, *, body: Any = None, params: Params | None = None, repeatable: bool = False
    ) -> Any:
        """The decoded answer, None where it is empty. Raises `SlipwayApiError` and `Unreachable`."""
        response = self.call(method, path, json=body, params=params, repeatable=repeatable)
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise self._no_studio(response) from None

    def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        """`exchange`, with an answer of 400 or more raised as `SlipwayApiError`."""
        return self._checked(self.exchange(method, path, **request))

    def exchange(
        self, method: str, path: str, *, retries: int | None = None, repeatable: bool = False, **request: Any
    ) -> httpx.Response:
        """One request, whatever its answer; `request` is what httpx takes.

        Repeated with growing pauses when the studio is away, if repeating it does no harm: reading, and what the
        caller calls `repeatable`.
        """
        repeatable = repeatable or method in SAFE
        retries = self._retries if retries is None else retries
        for attempt in range(retries + 1):
            last = attempt == retries
            try:
                response = self._http.request(method, path, **request)
            except (httpx.TransportError, httpx.InvalidURL) as reason:
                never_sent = isinstance(reason, httpx.ConnectError | httpx.ConnectTimeout)
                if last or not (repeatable or never_sent):
                    raise self._unreachable(reason) from reason
            else:
                if last or response.status_code not in AWAY or not repeatable:
                    return response
            self.sleep(pause(attempt))
        raise AssertionError("unreachable")

    def stream(self, path: str) -> Any:
        """A context manager with a response whose body is read piece by piece; the caller checks its status."""
        return self._http.stream("GET", path)

    def checked(self, response: httpx.Response) -> httpx.Response:
        """The response of a stream, or the error it stands for."""
        if response.status_code >= 400:
            response.read()
        return self._checked(response)

    def _checked(self, response: httpx.Response) -> httpx.Response:
        if response.is_redirect:
            raise self._no_studio(response)
        if response.status_code < 400:
            return response
        raise api_error(response) or self._no_studio(response)

    def _unreachable(self, reason: Exception) -> Unreachable:
        return Unreachable(
            f"{self.url} does not answer: {reason or type(reason).__name__}",
            hint="Is the studio running there? Start it with 'make run', or check the address.",
        )

    def _no_studio(self, response: httpx.Response) -> SlipwayApiError:
        return SlipwayApiError(
            response.status_code,
            "unexpected_answer",
            f"{self.url} answered {response.status_code} {response.reason_phrase}, and not as a studio does.",
            hint="Check the address: it is the one that the browser shows, without a path.",
        )


def api_error(response: httpx.Response) -> SlipwayApiError | None:
    """The studio's own error in an answer; None if it has another shape."""
    try:
        shape = response.json()
        errors = shape["errors"]
        first = errors[0]
        detail = "; ".join(_sentence(error) for error in errors)
        hint, attr = first.get("hint") or "", first.get("attr")
        return SlipwayApiError(response.status_code, first["code"], detail, hint=hint, attr=attr)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return None


def _sentence(error: dict[str, Any]) -> str:
    attr = error.get("attr")
    return f"{attr}: {error['detail']}" if attr else str(error["detail"])


def pause(attempt: int) -> float:
    """Seconds before try number `attempt` + 2."""
    return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt))


def normal_url(url: str) -> str:
    """`127.0.0.1:8000/` as `http://127.0.0.1:8000`."""
    url = url.strip().rstrip("/")
    return url if "://" in url else f"http://{url}"
