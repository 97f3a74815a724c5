"""The gRPC server of a worker: `inference.GRPCInferenceService` on a port that all workers listen on.

Protocol: Open Inference Protocol V2 over gRPC. The kernel spreads connections over the workers (SO_REUSEPORT).
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import grpc

from scoring.contract import RunSettings
from scoring.core.errors import ScoringError, StartFailure, bad_input
from scoring.engine.model_handler import ModelHandler
from scoring.rpc.errors import abort
from scoring.rpc.form import Protobuf, parse
from scoring.rpc.inference import GRPC, Inference
from scoring.rpc.messages import PACKAGE, message
from scoring.rpc.metadata import NOTHING, MetadataMethods, Method
from scoring.rpc.parts import Parts

SERVICE = f"{PACKAGE}.GRPCInferenceService"
HOLD_SECONDS = 0.1  # how long draining holds answers back
QUIET_SECONDS = 0.4  # how long draining waits for the next message of a stream
HANDSHAKE_MS = 20_000  # a connection that does not begin to speak HTTP/2 by then is closed
KEEPALIVE_MS = 60_000  # a client that does not answer a ping for 20 s after that has gone
PINGS_MS = 10_000  # clients may ping this often


class RpcServer:
    """Made and used on the loop."""

    def __init__(self, parts: Parts) -> None:
        for served in parts.engine.served:
            infer = served.handlers.get("infer")
            if isinstance(infer, ModelHandler):
                served.handlers[GRPC] = ModelHandler(Protobuf(infer.model), infer.model, infer.batcher)
        self._run = parts.replica.run
        self._dispatcher = parts.dispatcher
        self._inference = Inference(parts)
        self._server = grpc.aio.server(options=_options(self._run))
        methods = {
            "ModelInfer": grpc.stream_unary_rpc_method_handler(self._inference.infer),
            "ModelStreamInfer": grpc.stream_stream_rpc_method_handler(self._inference.stream_infer),
        }
        for name, method in MetadataMethods(parts.engine, lambda: not parts.draining()).methods().items():
            methods[name] = grpc.stream_unary_rpc_method_handler(self._metadata(method))
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))

    async def start(self) -> None:
        """Listen; StartFailure(port_taken) when that cannot be."""
        try:
            self._server.add_insecure_port(address_of(self._run))
        except RuntimeError as error:
            message_text = f"gRPC cannot listen at {address_of(self._run)}."
            raise StartFailure("port_taken", message_text, str(error)) from error
        await self._server.start()

    async def drain(self, seconds: float) -> None:
        """Take no more connections, answer the calls that have arrived, close idle streams.

        The library cancels whatever has not reached its method when it stops. So answers are held back for a moment
        before: clients wait for them instead of sending the next call, and learn with the answer to connect elsewhere.
        """
        gate = self._inference.gate = asyncio.Event()
        await asyncio.sleep(HOLD_SECONDS)
        stopping = asyncio.create_task(self._server.stop(seconds))
        await asyncio.sleep(HOLD_SECONDS / 10)  # the library has begun to stop
        gate.set()
        end = monotonic() + QUIET_SECONDS
        while not stopping.done() and (self._inference.active or monotonic() < end):
            await asyncio.sleep(0.02)
        await self._server.stop(None)
        await stopping

    def _metadata(self, method: Method) -> Callable[[Any, Any], Awaitable[bytes]]:
        """Reads its message itself, after checking the key: an unauthenticated client's is never read."""
        kind = message(method.takes)

        async def answer(_: Any, context: Any) -> Any:
            try:
                if method.secured:
                    metadata = dict(context.invocation_metadata())
                    self._dispatcher.check_key(metadata.get("authorization", "").encode())
                body = b"" if method.takes == NOTHING else await context.read()
                if body is grpc.aio.EOF:
                    raise bad_input("the call has no message")
                return method.answer(parse(kind, body)).SerializeToString()
            except ScoringError as error:
                return await abort(context, error)

        return answer


def address_of(run: RunSettings) -> str:
    """Where it listens, as the library takes it."""
    if run.grpc_socket:
        return f"unix:{run.grpc_socket}"
    return f"[{run.host}]:{run.grpc_port}" if ":" in run.host else f"{run.host}:{run.grpc_port}"


def _options(run: RunSettings) -> list[tuple[str, Any]]:
    return [
        ("grpc.so_reuseport", 1),
        ("grpc.max_receive_message_length", run.max_body_bytes),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_allowed_incoming_connections", run.connections_limit),
        ("grpc.server_handshake_timeout_ms", HANDSHAKE_MS),
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.http2.min_ping_interval_without_data_ms", PINGS_MS),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
