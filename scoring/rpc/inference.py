"""ModelInfer and ModelStreamInfer: from a message to its answer, through the same dispatcher as HTTP."""

import asyncio
from time import perf_counter_ns
from typing import Any

from grpc.aio import EOF

from scoring.core.answer import TEXT, Answer
from scoring.core.errors import ScoringError, bad_input, too_large
from scoring.core.request import Request
from scoring.engine.dispatch import Dispatcher
from scoring.engine.endpoint import Endpoint
from scoring.engine.engine import Served
from scoring.queue.call import Call
from scoring.queue.handler import Handler
from scoring.rpc.errors import abort, message_of
from scoring.rpc.form import parse
from scoring.rpc.messages import message
from scoring.rpc.parts import Parts

GRPC = "grpc"  # among the handlers of a model
CONTENT_TYPE = b"application/grpc"
UNARY, STREAM = b"/inference.GRPCInferenceService/ModelInfer", b"/inference.GRPCInferenceService/ModelStreamInfer"
_Head, _Response, _StreamResponse = (
    message(name) for name in ("InferHead", "ModelInferResponse", "ModelStreamInferResponse")
)
Reply = bytes | ScoringError


def _final() -> bytes:
    """What marks an answer on a stream as the only one to its request; messages merge where their bytes are joined."""
    mark = _Response()
    mark.parameters.add(key="triton_final_response").value.bool_param = True
    marked: bytes = mark.SerializeToString()
    return marked


FINAL = _final()


class RpcClient:
    """The client of one call, which may send many messages."""

    __slots__ = ("disconnected", "half_closed", "headers", "target")

    def __init__(self, context: Any, target: bytes) -> None:
        self.disconnected = self.half_closed = False
        self.target = target
        self.headers = {
            name.encode(): value if isinstance(value, bytes) else value.encode("utf-8", "replace")
            for name, value in context.invocation_metadata()
        } | {b"content-type": CONTENT_TYPE}


class RpcRequest(Request):
    """One message of a call. `reply` is awaited where the dispatcher has none at once."""

    __slots__ = ("reply",)

    client: RpcClient

    def __init__(self, client: RpcClient) -> None:
        super().__init__(client, b"POST", client.target, client.headers)
        self.arrived = perf_counter_ns()
        self.reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()


class RpcEndpoint(Endpoint[RpcRequest]):
    """A model as gRPC offers it."""

    joins_loop_batches = False  # the library hands over one call after another: of 64 at once only 3 shared a run

    def __init__(self, served: Served, handler: Handler, dispatcher: Dispatcher) -> None:
        super().__init__(served, handler)
        self._dispatcher = dispatcher

    def on_done(self, request: RpcRequest, call: Call) -> None:
        reply = self.reply(call)  # a call is counted even if its client no longer waits
        if not request.reply.done():
            request.reply.set_result(reply)

    def reply(self, call: Call) -> Reply:
        """The message to send, or the error to end the call with, counted under its HTTP status."""
        reply: Reply = call.result
        status = reply.status if isinstance(reply, ScoringError) else 200
        self._dispatcher.record(call, self, status, _observed(reply))
        return reply


class Inference:
    """Answers calls for predictions. `active` counts those that have not yet got their answer."""

    def __init__(self, parts: Parts) -> None:
        self._engine = parts.engine
        self._dispatcher = parts.dispatcher
        self._max_body = parts.replica.run.max_body_bytes
        self._endpoints: dict[tuple[str, str], RpcEndpoint] = {}
        self.active = 0
        self.gate: asyncio.Event | None = None  # where there is one, answers wait until it opens

    # -- the two methods. Both read their messages themselves: an unauthenticated client's is never read.

    async def infer(self, _: Any, context: Any) -> Any:
        """Bytes of a ModelInferResponse."""
        self.active += 1
        context.add_done_callback(self._sent)
        request = RpcRequest(RpcClient(context, UNARY))
        reply: Reply | None = self._admit(request)
        if reply is None:
            body = await context.read()
            if body is EOF:  # none at all, or one over the limit, which the library has refused already
                return await abort(context, bad_input("the call has no message"))
            reply = await self._answer(request, body)
        if self.gate is not None:
            await self.gate.wait()
        trailer = ("x-request-id", request.id.decode("latin-1"))
        if isinstance(reply, ScoringError):
            return await abort(context, reply, trailer)
        context.set_trailing_metadata((trailer,))
        return reply

    async def stream_infer(self, _: Any, context: Any) -> None:
        """One answer to each message, in their order; errors are answers too and end nothing."""
        client = RpcClient(context, STREAM)
        while True:
            request = RpcRequest(client)
            error = self._admit(request)
            if error is not None:
                await abort(context, error)
            body = await context.read()
            if body is EOF:
                return
            self.active += 1
            try:
                await context.write(_in_stream(await self._answer(request, body), body))
            finally:
                self.active -= 1

    def _sent(self, _: Any) -> None:
        self.active -= 1

    # -- from a message to its answer

    def _admit(self, request: RpcRequest) -> ScoringError | None:
        """Refuse unauthenticated calls, and ids that are too long, before their message is read."""
        try:
            self._dispatcher.admit_headers(request)
        except ScoringError as error:
            self._dispatcher.refuse(request, None, error.status, _observed(error))
            return error
        return None

    async def _answer(self, request: RpcRequest, body: bytes) -> Reply:
        request.arrived = perf_counter_ns()
        endpoint: RpcEndpoint | None = None
        try:
            if len(body) > self._max_body:  # as it may be after unpacking, with older libraries
                raise too_large(self._max_body)
            request.body = body
            endpoint = self._find(body)
            self._dispatcher.begin(request)
            call = self._dispatcher.submit(request, endpoint)
        except ScoringError as error:
            served = None if endpoint is None else endpoint.served
            self._dispatcher.refuse(request, served, error.status, _observed(error))
            return error
        if call is not None:
            return endpoint.reply(call)
        try:
            return await request.reply
        except asyncio.CancelledError:  # by the client, or its deadline: what has not begun is not run
            request.client.half_closed = request.client.disconnected = True
            raise

    def _find(self, body: bytes) -> RpcEndpoint:
        head = parse(_Head, body)
        key = (head.model_name, head.model_version)
        endpoint = self._endpoints.get(key)
        if endpoint is None:
            served = self._engine.find(head.model_name, head.model_version or None)
            endpoint = self._endpoints[key] = RpcEndpoint(served, served.handlers[GRPC], self._dispatcher)
        return endpoint


def _observed(reply: Reply) -> Answer:
    """An answer as observers see it."""
    if isinstance(reply, ScoringError):
        return Answer(message_of(reply).encode(), TEXT, status=reply.status)
    return Answer(reply, CONTENT_TYPE)


def _in_stream(reply: Reply, body: bytes) -> bytes:
    if isinstance(reply, ScoringError):
        try:
            head = parse(_Head, body)
        except ScoringError:
            head = _Head()  # the message could not be parsed: there is nothing to repeat
        about = _Response(model_name=head.model_name, model_version=head.model_version, id=head.id)
        answer = _StreamResponse(error_message=message_of(reply), infer_response=about.SerializeToString() + FINAL)
    else:
        answer = _StreamResponse(infer_response=reply + FINAL)
    serialised: bytes = answer.SerializeToString()
    return serialised
