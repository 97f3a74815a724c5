"""Which address means what. Frequent addresses are found by a single look-up of the raw bytes."""

from dataclasses import dataclass
from urllib.parse import unquote

from scoring.engine import Engine, Served
from scoring.errors import ScoringError
from scoring.metadata import Plain, model_metadata, ready_answer
from scoring.request import Request
from scoring.work import Work

READ = frozenset((b"GET", b"HEAD"))
SCORE = frozenset((b"GET", b"POST"))
POST = frozenset((b"POST",))
KEPT = 256


@dataclass(frozen=True)
class Route:
    """An address: a `plain` answer, or else the `work` of what is `served`."""

    methods: frozenset[bytes]
    secured: bool
    served: Served
    work: Work
    plain: Plain | None = None
    v2: bool = False


class Routes:
    """The table of a process."""

    def __init__(self, engine: Engine, plain: dict[bytes, tuple[Plain, bool]]) -> None:
        self._engine = engine
        nothing = engine.default
        self._fixed = {
            path: Route(READ, secured, nothing, nothing.work["score"], answer)
            for path, (answer, secured) in plain.items()
        }
        self._fixed[b"/score"] = Route(SCORE, True, nothing, nothing.work["score"])
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
        """`/v2/models/<name>[/versions/<version>][/infer|/ready]`."""
        parts = [unquote(part, errors="replace") for part in path.decode("latin-1").strip("/").split("/")]
        if parts[:2] != ["v2", "models"] or len(parts) < 3:
            raise ScoringError(404, "not_found", f"There is nothing at {path.decode('latin-1')}.")
        name, rest = parts[2], parts[3:]
        version = None
        if rest[:1] == ["versions"] and len(rest) > 1:
            version, rest = rest[1], rest[2:]
        served = self._engine.find(name, version)
        if rest == ["infer"]:
            return self._infer(served)
        if rest == ["ready"]:
            return Route(READ, True, served, served.work["score"], ready_answer(served), v2=True)
        if not rest:
            return Route(READ, True, served, served.work["score"], model_metadata(served), v2=True)
        raise ScoringError(404, "not_found", f"There is nothing at {path.decode('latin-1')}.")

    def _infer(self, served: Served) -> Route:
        if not served.is_model:
            raise ScoringError(404, "not_found", "This service runs an entry script: call /score.")
        return Route(POST, True, served, served.work["infer"], v2=True)
