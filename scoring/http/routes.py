"""Which address is what. Frequent addresses are found by a single look-up of their raw bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

from scoring.core.answer import JSON
from scoring.core.errors import ScoringError
from scoring.core.request import Request
from scoring.engine.endpoint import Endpoint
from scoring.engine.engine import Engine, Served
from scoring.http.service_pages import READ, Page
from scoring.metadata.models import Render, config, metadata, ready, tf_metadata, tf_status
from scoring.metadata.statistics import model_statistics
from scoring.queue.handler import Handler

GET = frozenset((b"GET",))
SCORE = frozenset((b"GET", b"POST"))
POST = frozenset((b"POST",))
KEPT = 256
V2_PAGES = {"": metadata, "ready": ready, "config": config, "stats": model_statistics}
V1_PAGES = {"": tf_status, "metadata": tf_metadata}
AnyEndpoint = TypeVar("AnyEndpoint", bound=Endpoint[Any])
# Makes the endpoint of a handler; True where its errors and headers are those of /v2 and /v1.
Connect = Callable[[Served, Handler, bool], AnyEndpoint]


@dataclass(frozen=True, eq=False)
class Route(Generic[AnyEndpoint]):
    """An address: an `endpoint` that scores, or else a `page`."""

    methods: frozenset[bytes]
    secured: bool
    endpoint: AnyEndpoint | None = None
    page: Render = lambda _: (JSON, b"")
    takes_files: bool = False  # images, Arrow streams and others that take long to read even if they are small


class Routes(Generic[AnyEndpoint]):
    """The table of a process."""

    def __init__(self, engine: Engine, pages: dict[bytes, Page], connect: Connect[AnyEndpoint]) -> None:
        self._engine = engine
        self._connect = connect
        default = engine.default
        score = default.handlers["score"]
        self._fixed: dict[bytes, Route[AnyEndpoint]] = {
            path: Route(page.methods, page.secured, page=page.answer) for path, page in pages.items()
        }
        files = default.is_model
        self._fixed[b"/score"] = Route(SCORE, True, connect(default, score, False), takes_files=files)
        if any(one.is_model for one in engine.served):
            invocations = default.handlers.get("invocations") or score  # which says where to go
            self._fixed[b"/invocations"] = Route(POST, True, connect(default, invocations, False))
        self._seen: dict[bytes, Route[AnyEndpoint]] = dict(self._fixed)

    def find(self, request: Request) -> Route[AnyEndpoint]:
        """The route of a request; 404 when there is none."""
        route = self._seen.get(request.target)
        return self._find_slowly(request) if route is None else route

    def _find_slowly(self, request: Request) -> Route[AnyEndpoint]:
        path, mark, request.query = request.target.partition(b"?")
        if path.startswith((b"http://", b"https://")):
            path = b"/" + path.partition(b"//")[2].partition(b"/")[2]
        route = self._fixed.get(path) or (self._fixed.get(path.rstrip(b"/")) if len(path) > 1 else None)
        if route is None:
            route = self._model_route(path)
            if not mark and len(self._seen) < KEPT:
                self._seen[request.target] = route
        return route

    def _model_route(self, path: bytes) -> Route[AnyEndpoint]:
        """`/v2/models/<name>[/versions/<version>][/<what>]` and `/v1/models/<name>[/versions/<version>][:predict]`."""
        parts = [unquote(part, errors="replace") for part in path.decode("latin-1").strip("/").split("/")]
        if len(parts) > 2 and parts[1] == "models":
            if parts[0] == "v2":
                return self._v2(parts[2:], path)
            if parts[0] == "v1":
                return self._v1(parts[2:], path)
        raise _nothing_at(path)

    def _v2(self, parts: list[str], path: bytes) -> Route[AnyEndpoint]:
        name, version, rest = _version_of(parts)
        served = self._engine.find(name, version)
        if rest == ["infer"]:
            return self._scoring(served, "infer")
        if rest == ["probe"]:
            return self._scoring(served, "probe", GET)
        page = V2_PAGES.get("/".join(rest))
        if page is None:
            raise _nothing_at(path)
        return Route(READ, True, page=page(self._engine, served))

    def _v1(self, parts: list[str], path: bytes) -> Route[AnyEndpoint]:
        last, colon, verb = parts[-1].rpartition(":")
        if colon:
            parts = [*parts[:-1], last]
        name, version, rest = _version_of(parts)
        page = V1_PAGES.get("/".join(rest))
        if page is None or (colon and (verb != "predict" or rest)):
            raise _nothing_at(path)
        served = self._engine.find(name, version)
        return self._scoring(served, "predict") if colon else Route(READ, True, page=page(self._engine, served))

    def _scoring(self, served: Served, name: str, methods: frozenset[bytes] = POST) -> Route[AnyEndpoint]:
        if not served.is_model:
            raise ScoringError(404, "not_found", "This service runs an entry script: call /score.")
        return Route(methods, True, self._connect(served, served.handlers[name], True))


def _version_of(parts: list[str]) -> tuple[str, str | None, list[str]]:
    """Name, version and the rest of an address below `/models/`."""
    if parts[1:2] == ["versions"] and len(parts) > 2:
        return parts[0], parts[2], parts[3:]
    return parts[0], None, parts[1:]


def _nothing_at(path: bytes) -> ScoringError:
    return ScoringError(404, "not_found", f"There is nothing at {path.decode('latin-1')}.")
