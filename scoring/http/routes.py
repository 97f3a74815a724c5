"""Which address means what. Frequent addresses are found by a single look-up of the raw bytes."""

from dataclasses import dataclass
from urllib.parse import unquote

from scoring.core.errors import ScoringError
from scoring.core.request import Request
from scoring.engine.engine import Engine, Served
from scoring.http.service_pages import READ, Page
from scoring.metadata.models import Plain, config, metadata, ready, tf_metadata, tf_status
from scoring.metadata.statistics import model_statistics
from scoring.queue.handler import Handler

GET = frozenset((b"GET",))
SCORE = frozenset((b"GET", b"POST"))
POST = frozenset((b"POST",))
KEPT = 256
V2_PAGES = {"": metadata, "ready": ready, "config": config, "stats": model_statistics}
V1_PAGES = {"": tf_status, "metadata": tf_metadata}


@dataclass(frozen=True, eq=False)
class Route:
    """An address: a `plain` answer, or else the `handler` of what is `served`."""

    methods: frozenset[bytes]
    secured: bool
    served: Served
    handler: Handler
    plain: Plain | None = None
    v2: bool = False  # errors and headers as below /v2 and /v1
    takes_files: bool = False  # pictures, Arrow streams and such, which take long to read even where they are small


class Routes:
    """The table of a process."""

    def __init__(self, engine: Engine, pages: dict[bytes, Page]) -> None:
        self._engine = engine
        nothing = engine.default
        self._fixed = {
            path: Route(page.methods, page.secured, nothing, nothing.handlers["score"], page.answer)
            for path, page in pages.items()
        }
        files = nothing.is_model
        self._fixed[b"/score"] = Route(SCORE, True, nothing, nothing.handlers["score"], takes_files=files)
        if any(one.is_model for one in engine.served):
            invocations = nothing.handlers.get("invocations") or nothing.handlers["score"]  # which says where to go
            self._fixed[b"/invocations"] = Route(POST, True, nothing, invocations)
        self._seen: dict[bytes, Route] = dict(self._fixed)

    def find(self, request: Request) -> Route:
        """The route of a request; 404 when there is none."""
        route = self._seen.get(request.target)
        return self._find_slowly(request) if route is None else route

    def _find_slowly(self, request: Request) -> Route:
        path, mark, request.query = request.target.partition(b"?")
        if path.startswith((b"http://", b"https://")):
            path = b"/" + path.partition(b"//")[2].partition(b"/")[2]
        route = self._fixed.get(path) or (self._fixed.get(path.rstrip(b"/")) if len(path) > 1 else None)
        if route is None:
            route = self._model_route(path)
            if not mark and len(self._seen) < KEPT:
                self._seen[request.target] = route
        return route

    def _model_route(self, path: bytes) -> Route:
        """`/v2/models/<name>[/versions/<version>][/<what>]` and `/v1/models/<name>[/versions/<version>][:predict]`."""
        parts = [unquote(part, errors="replace") for part in path.decode("latin-1").strip("/").split("/")]
        if len(parts) > 2 and parts[1] == "models":
            if parts[0] == "v2":
                return self._v2(parts[2:], path)
            if parts[0] == "v1":
                return self._v1(parts[2:], path)
        raise _nothing_at(path)

    def _v2(self, parts: list[str], path: bytes) -> Route:
        name, version, rest = _version_of(parts)
        served = self._engine.find(name, version)
        if rest == ["infer"]:
            return _ask(served, "infer")
        if rest == ["probe"]:
            return _ask(served, "probe", GET)
        page = V2_PAGES.get("/".join(rest))
        if page is None:
            raise _nothing_at(path)
        return _page(served, page(self._engine, served))

    def _v1(self, parts: list[str], path: bytes) -> Route:
        last, colon, verb = parts[-1].rpartition(":")
        if colon:
            parts = [*parts[:-1], last]
        name, version, rest = _version_of(parts)
        page = V1_PAGES.get("/".join(rest))
        if page is None or (colon and (verb != "predict" or rest)):
            raise _nothing_at(path)
        served = self._engine.find(name, version)
        return _ask(served, "predict") if colon else _page(served, page(self._engine, served))


def _version_of(parts: list[str]) -> tuple[str, str | None, list[str]]:
    """Name, version and the rest of an address below `/models/`."""
    if parts[1:2] == ["versions"] and len(parts) > 2:
        return parts[0], parts[2], parts[3:]
    return parts[0], None, parts[1:]


def _ask(served: Served, how: str, methods: frozenset[bytes] = POST) -> Route:
    if not served.is_model:
        raise ScoringError(404, "not_found", "This service runs an entry script: call /score.")
    return Route(methods, True, served, served.handlers[how], v2=True)


def _page(served: Served, answer: Plain) -> Route:
    return Route(READ, True, served, served.handlers["score"], answer, v2=True)


def _nothing_at(path: bytes) -> ScoringError:
    return ScoringError(404, "not_found", f"There is nothing at {path.decode('latin-1')}.")
