"""Answer the deployment's sample request before the replica reports that it is ready.

First calls are slow (memory is reserved, code is compiled, caches are filled), and a service that cannot answer its
own sample is of no use. The sample takes the path of every request, from the routes to the end of the response, but is
neither counted, logged nor collected. The master's start deadline bounds it all.
"""

import traceback
from time import perf_counter, perf_counter_ns
from typing import TYPE_CHECKING, cast

import msgspec

from scoring.contract import Bundle, WarmUp
from scoring.core import collecting
from scoring.core.answer import Answer, Result
from scoring.core.errors import ScoringError, StartFailure, as_error
from scoring.core.log import log
from scoring.core.request import Request
from scoring.core.settings import Replica
from scoring.core.timings import Timings
from scoring.engine.endpoint import Endpoint
from scoring.engine.engine import Engine
from scoring.http.routes import Routes
from scoring.http.serializer import error_body
from scoring.process.proof import check_outputs
from scoring.queue.call import Call

if TYPE_CHECKING:
    from scoring.engine.model_handler import ModelHandler

REQUEST_ID = b"warm-up"  # in the log, beside what the script prints meanwhile


def warm_up(engine: Engine, replica: Replica, wanted: WarmUp) -> None:
    """Ask as often as wanted; StartFailure(warm_up_failed) has the answer where it is an error.

    Of a replica that waits to take over the service's address more is expected: outputs as in the signature, and of a
    script a status of 2xx.
    """
    run = replica.run
    sample = _Sample(engine, wanted, most_status=299 if run.serve_on_request else 399)
    taken = []
    with collecting.discard_records():
        for _ in range(wanted.runs):
            began = perf_counter()
            timings = sample.ask()
            taken.append(perf_counter() - began)
        sample.check_pace(timings, run.scoring_timeout_seconds)
        if run.serve_on_request:
            sample.check_outputs(replica.bundle)
        batched = sample.ask_concurrently(timings.rows)
    durations = f"the first took {taken[0]:.3f} s, the last {taken[-1]:.3f} s"
    if batched:
        durations += f"; then up to {batched} at once"
    log(f"warmed up with the sample request, sent {len(taken)} times: {durations}")


class _Sample:
    """The sample request and what answers it."""

    def __init__(self, engine: Engine, wanted: WarmUp, most_status: int) -> None:
        self._most_status = most_status
        self._path = wanted.path
        self._body = msgspec.json.encode(wanted.body)
        self._endpoint = self._find(Routes(engine, {}, lambda served, handler, _: _WarmUpEndpoint(served, handler)))

    def ask(self) -> Timings:
        """One request by itself, as one that meets no other; gives how long its parts took."""
        call = Call(self._endpoint.handler, self._request())
        call.exclusive = not self._endpoint.served.pace.inline  # slow models have all cores when they run alone
        batcher = call.handler.batcher
        try:
            result = batcher.run([call])[0][1] if batcher else call.handler.answer(call.request, call)
            self._check(result)
        except Exception as error:  # whatever a script raises, also while its answer is read
            raise self._failure(error) from error
        return call

    def ask_concurrently(self, rows: int) -> int:
        """2, 4, 8 … requests of so many rows at once, as many as may share a run; gives how many that were."""
        handler = self._endpoint.handler
        batcher = handler.batcher
        most = batcher.deep_rows // max(rows, 1) if batcher else 0
        size = 1
        while batcher and 2 * size <= most:
            size *= 2
            for _, result in batcher.run([Call(handler, self._request()) for _ in range(size)]):
                self._check(result)
        return size if size > 1 else 0

    def check_pace(self, timings: Timings, limit: float) -> None:
        """The last run must have kept within the scoring timeout, or clients would be answered 504."""
        if timings.infer > limit * 1e9:
            message = f"The run took {timings.infer / 1e9:.1f} s, longer than the scoring timeout of {limit:g} s."
            raise self._failure(ScoringError(504, "scoring_timeout", message))

    def check_outputs(self, bundle: Bundle) -> None:
        """Names and shapes of the outputs, of a model without code: what its form makes of them does not matter."""
        served = self._endpoint.served
        if not served.is_model:
            return
        handler = cast("ModelHandler", self._endpoint.handler)
        signatures = {(one.name, one.version): one.signature for one in bundle.models}
        decoded = handler.form.decode(self._request())
        results = handler.model.compute(decoded.output_names, decoded.feed)
        check_outputs(served, signatures.get((served.name, served.version)), decoded.output_names, results)

    def _find(self, routes: Routes["_WarmUpEndpoint"]) -> "_WarmUpEndpoint":
        try:
            route = routes.find(self._request())
        except ScoringError as error:
            raise self._failure(error) from error
        if b"POST" not in route.methods or route.endpoint is None:
            raise self._failure(ScoringError(405, "method_not_allowed", "This address takes no request to score."))
        return route.endpoint

    def _request(self) -> Request:
        headers = {
            b"host": b"localhost",
            b"content-type": b"application/json",
            b"content-length": str(len(self._body)).encode(),
        }
        request = Request(_WarmUpClient(), b"POST", self._path.encode(), headers)
        request.body, request.id, request.arrived = self._body, REQUEST_ID, perf_counter_ns()
        return request

    def _check(self, result: Result | BaseException) -> None:
        """Read an answer to its end; StartFailure when it is an error."""
        if isinstance(result, BaseException):
            raise self._failure(result)
        if not isinstance(result, Answer):
            return
        if result.status > self._most_status:
            raise self._refused(result.status, "", result.body.decode(errors="replace"))
        for _ in result.stream or ():
            pass

    def _failure(self, error: BaseException) -> StartFailure:
        if isinstance(error, StartFailure):
            return error
        reported = as_error(error)
        evidence = error_body(reported, self._path.startswith(("/v1/", "/v2"))).decode()
        cause = error if reported is not error else error.__cause__
        if isinstance(cause, MemoryError):
            return StartFailure("out_of_memory", "There was not enough memory to answer the sample request.", evidence)
        if cause is not None and reported.status >= 500:
            evidence += "\n\n" + "".join(traceback.format_exception(cause))
        return self._refused(reported.status, reported.message, evidence)

    def _refused(self, status: int, why: str, evidence: str) -> StartFailure:
        message = f"The service answers its own sample request to {self._path} with {status}" + (
            f": {why}" if why else "."
        )
        return StartFailure("warm_up_failed", message, evidence)


class _WarmUpClient:
    """In place of a connection: it waits until the end."""

    disconnected = half_closed = False


class _WarmUpEndpoint(Endpoint[Request]):
    """Says what is served and its handler; warm-up calls that itself."""

    def on_done(self, request: Request, call: Call) -> None: ...
