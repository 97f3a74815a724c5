"""Scoring over gRPC, for models without code.

The rest of the package is imported only if there is a gRPC port: it needs two libraries, time and memory.
"""

from typing import TYPE_CHECKING

from scoring.core.errors import StartFailure
from scoring.rpc.parts import Parts

if TYPE_CHECKING:
    from scoring.rpc.server import RpcServer


def rpc_server(parts: Parts) -> "RpcServer":
    """A server that does not listen yet; StartFailure says why there can be none."""
    if parts.replica.bundle.kind != "no_code":
        raise StartFailure("internal", "gRPC is for models without code; this service runs an entry script.")
    try:
        from scoring.rpc.server import RpcServer
    except ImportError as error:
        message = f"gRPC needs the packages grpcio and protobuf (4.22 or newer): {error}"
        raise StartFailure("import_missing", message) from error
    return RpcServer(parts)
