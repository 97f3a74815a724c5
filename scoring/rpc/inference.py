"""ModelInfer and ModelStreamInfer: from a message to its answer, queued and counted as over HTTP."""

import asyncio
from functools import partial
from time import perf_counter_ns
from typing import Any

from grpc.aio import EOF

from scoring.core.answer import Answer
from scoring.core.errors import ScoringError, as_error, bad_input, too_large
from scoring.core.request import Request
from scoring.core.request_ids import RequestIds, asked_by
from scoring.core.timings import Timings
from scoring.engine.engine import Served
from scoring.http.app import INLINE_BYTES, NO_TIMINGS
from scoring.http.replies import TEXT
from scoring.observers.watch import Outcome as Watched
from scoring.queue.call import QueuedCall
from scoring.queue.handler import Handler
from scoring.rpc.form import parse
from scoring.rpc.messages import message
from scoring.rpc.parts import Parts
from scoring.rpc.refusals import refuse, sentence

GRPC = "grpc"  # among the handlers of a model
CONTENT_TYPE = b"application/grpc"
UNARY, STREAM = b"/inference.GRPCInferenceService/ModelInfer", b"/inference.GRPCInferenceService/ModelStreamInfer"
_Head, _Response, _StreamResponse = (
    message(name) for name in ("InferHead", "ModelInferResponse", "ModelStreamInferResponse")
)
Outcome = bytes | ScoringError


def _final() -> bytes:
    """What marks an answer on a stream as the only one to its request; messages merge where their bytes are joined."""
    mark = _Response()
    mark.parameters.add(key="triton_final_response").value.bool_param = True
    marked: bytes = mark.SerializeToString()
    return marked


FINAL = _final()


class ClientCall:
    """One call of a client. It stands where a connection does for HTTP: `left` tells that the client has gone."""

    __slots__ = ("headers", "left", "target")

    def __init__(self, context: Any, target: bytes) -> None:
        self.left = False
        self.target = target
        self.headers = {
            name.encode(): value if isinstance(value, bytes) else value.encode("utf-8", "replace")
            for name, value in context.invocation_metadata()
        } | {b"content-type": CONTENT_TYPE}

    def request(self) -> Request:
        """The next request of this call, as handlers know requests."""
        return Request(self, b"POST", self.target, self.headers)


class Inference:
    """Answers calls for predictions. `active` counts those that are owed an answer."""

    def __init__(self, parts: Parts) -> None:
        self._engine = parts.engine
        self._keys = parts.keys
        self._counters = parts.counters
        self._admission = parts.admission
        self._watch = parts.watch
        self._max_body = parts.replica.run.max_body_bytes
        self._ids = RequestIds()
        self._found: dict[tuple[str, str], tuple[Served, Handler]] = {}
        self.active = 0
        self.gate: asyncio.Event | None = None  # where there is one, answers wait until it opens

    # -- the two methods. Both read their messages themselves: a stranger's is never taken in.

    async def infer(self, _: Any, context: Any) -> Any:
        """Bytes of a ModelInferResponse."""
        self.active += 1
        context.add_done_callback(self._sent)
        call = ClientCall(context, UNARY)
        request = call.request()
        outcome = self._admitted(request)
        if outcome is None:
            body = await context.read()
            if body is EOF:  # none at all, or one over the limit, which the library has refused already
                return await refuse(context, bad_input("the call has no message"))
            outcome = await self._answer(request, call, body)
        if self.gate is not None:
            await self.gate.wait()
        told = ("x-request-id", request.id.decode("latin-1"))
        if isinstance(outcome, ScoringError):
            return await refuse(context, outcome, told)
        context.set_trailing_metadata((told,))
        return outcome

    async def stream_infer(self, _: Any, context: Any) -> None:
        """One answer to each message, in their order; errors are answers too and end nothing."""
        call = ClientCall(context, STREAM)
        while True:
            request = call.request()
            refused = self._admitted(request)
            if refused is not None:
                await refuse(context, refused)
            body = await context.read()
            if body is EOF:
                return
            self.active += 1
            try:
                await context.write(_in_stream(await self._answer(request, call, body), body))
            finally:
                self.active -= 1

    def _sent(self, _: Any) -> None:
        self.active -= 1

    # -- from a message to its answer

    def _admitted(self, request: Request) -> ScoringError | None:
        """Refuse strangers, and ids that are too long, before their message is read."""
        request.arrived = perf_counter_ns()
        try:
            request.key = self._keys.check(request.headers.get(b"authorization"))
            self._ids.give(request)
        except ScoringError as error:
            self._count(request, None, error, 0, NO_TIMINGS)
            return error
        return None

    async def _answer(self, request: Request, call: ClientCall, body: bytes) -> Outcome:
        request.arrived = perf_counter_ns()
        served: Served | None = None
        try:
            if len(body) > self._max_body:  # as it may be after unpacking, with older libraries
                raise too_large(self._max_body)
            request.body = body
            served, handler = self._find(body)
            if self._watch is not None:
                self._watch.begin(request)
            if served.pace.inline and len(body) <= INLINE_BYTES:
                return self._now(request, served, handler)
            return await self._later(request, call, served, handler)
        except ScoringError as error:
            return self._count(request, served, error, 0, NO_TIMINGS)

    def _find(self, body: bytes) -> tuple[Served, Handler]:
        head = parse(_Head, body)
        asked = (head.model_name, head.model_version)
        found = self._found.get(asked)
        if found is None:
            served = self._engine.find(head.model_name, head.model_version or None)
            found = self._found[asked] = served, served.handlers[GRPC]
        return found

    def _now(self, request: Request, served: Served, handler: Handler) -> Outcome:
        timings = Timings()
        began = perf_counter_ns()
        try:
            result: Any = handler.answer(request, timings)
        except Exception as error:
            result = error
        served.pace.note(perf_counter_ns() - began)
        return self._count(request, served, result, began - request.arrived, timings)

    async def _later(self, request: Request, call: ClientCall, served: Served, handler: Handler) -> Outcome:
        """In a runner thread; what has not begun when the client cancels, or its deadline passes, is not run."""
        answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._admission.submit(QueuedCall(handler, request, partial(self._deliver, served, answered)))
        try:
            return await answered
        except asyncio.CancelledError:
            call.left = True
            raise

    def _deliver(
        self, served: Served, answered: "asyncio.Future[Outcome]", job: QueuedCall, result: Any, waited: int
    ) -> None:
        if not isinstance(result, ScoringError):
            served.pace.note(job.decode + job.infer + job.encode)
        outcome = self._count(job.request, served, result, waited, job)
        if not answered.done():
            answered.set_result(outcome)

    def _count(self, request: Request, served: Served | None, result: Any, waited: int, timings: Timings) -> Outcome:
        """The answer, counted under the status that it has over HTTP. `served` is None where nothing was asked yet."""
        if type(result) is bytes:
            outcome: Outcome = result
        else:
            with asked_by(request):
                outcome = as_error(result)
        status = outcome.status if isinstance(outcome, ScoringError) else 200
        taken = (perf_counter_ns() - request.arrived) // 1000
        self._counters.record(status, taken, waited // 1000, timings, request.key)
        if served is not None and served.counters is not None:
            served.counters.record(status, taken, waited // 1000, timings, request.key)
        if self._watch is not None and served is not None:
            self._watch.end(request, Watched(status, _shown(outcome), served, taken, waited // 1000, timings))
        return outcome


def _shown(outcome: Outcome) -> Answer:
    """An answer as those see it who look on."""
    if isinstance(outcome, ScoringError):
        return Answer(sentence(outcome).encode(), TEXT, status=outcome.status)
    return Answer(outcome, CONTENT_TYPE)


def _in_stream(outcome: Outcome, body: bytes) -> bytes:
    if isinstance(outcome, ScoringError):
        try:
            head = parse(_Head, body)
        except ScoringError:
            head = _Head()  # the message was no message: there is nothing to repeat
        about = _Response(model_name=head.model_name, model_version=head.model_version, id=head.id)
        answer = _StreamResponse(error_message=sentence(outcome), infer_response=about.SerializeToString() + FINAL)
    else:
        answer = _StreamResponse(infer_response=outcome + FINAL)
    serialised: bytes = answer.SerializeToString()
    return serialised
