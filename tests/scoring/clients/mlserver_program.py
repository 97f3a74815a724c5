"""Asks a server with MLServer's types and codecs, over HTTP and its gRPC stubs, and prints as JSON what came back.

Runs in an environment of its own. Arguments: the address of HTTP, the address of gRPC, the key.
"""

import json
import sys

import grpc
import numpy as np
import pandas as pd
import requests
from mlserver.codecs import NumpyCodec, NumpyRequestCodec, PandasCodec, StringCodec
from mlserver.grpc import converters
from mlserver.grpc import dataplane_pb2 as messages
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub
from mlserver.types import (
    InferenceErrorResponse,
    InferenceRequest,
    InferenceResponse,
    MetadataModelResponse,
    MetadataServerResponse,
    RepositoryIndexResponse,
    RequestOutput,
)

HTTP, GRPC, KEY = sys.argv[1:]
HEADERS = {"Authorization": f"Bearer {KEY}"}
METADATA = (("authorization", f"Bearer {KEY}"),)
ROWS = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.float32)
FRAME = pd.DataFrame({"age": [30.5, 41.0], "visits": [3, -4], "name": ["Ada", "Gül"]})
TEXTS = ["grün", ""]
ARRAYS = {
    "BOOL": np.array([True, False]),
    "UINT8": np.array([0, 255], np.uint8),
    "UINT16": np.array([0, 65535], np.uint16),
    "UINT32": np.array([0, 2**32 - 1], np.uint32),
    "UINT64": np.array([0, 2**64 - 1], np.uint64),
    "INT8": np.array([-128, 127], np.int8),
    "INT16": np.array([-32768, 32767], np.int16),
    "INT32": np.array([-(2**31), 2**31 - 1], np.int32),
    "INT64": np.array([-(2**63), 2**63 - 1], np.int64),
    "FP16": np.array([0.5, -2], np.float16),
    "FP32": np.array([0.5, -2], np.float32),
    "FP64": np.array([1e300, 0.1]),
}


def frame_request(use_bytes):
    request = PandasCodec.encode_request(FRAME, use_bytes=use_bytes)
    request.id, request.outputs = "a request", [RequestOutput(name="name_out"), RequestOutput(name="age_out")]
    return request


def every_kind(use_bytes, without=()):
    """A request with an input of every datatype; the codecs make columns of vectors."""
    inputs = [NumpyCodec.encode_input(f"in_{kind}", array) for kind, array in ARRAYS.items() if kind not in without]
    return InferenceRequest(inputs=[*inputs, StringCodec.encode_input("in_BYTES", TEXTS, use_bytes=use_bytes)])


def unchanged(answer):
    """The datatypes of a request of every kind that came back as they were sent."""
    same = []
    for output in answer.outputs:
        kind = output.name.removeprefix("out_")
        if kind == "BYTES":
            equal = list(StringCodec.decode_output(output)) == TEXTS
        else:
            back = NumpyCodec.decode_output(output)
            equal = back.dtype == ARRAYS[kind].dtype and back.ravel().tolist() == ARRAYS[kind].tolist()
        same += [kind] if equal else []
    return same


def told(answer):
    """An answer as plain values, its outputs read as a data frame."""
    frame = PandasCodec.decode_response(answer)
    return {"model": answer.model_name, "version": answer.model_version, "id": answer.id, "frame": plain(frame)}


def plain(frame):
    return {name: [one.decode() if isinstance(one, bytes) else one for one in frame[name].tolist()] for name in frame}


class OverHttp:
    """With the requests package, as MLServer's documents send what its codecs make."""

    use_bytes = False  # JSON has none

    def get(self, path, kind):
        return kind.model_validate_json(requests.get(f"{HTTP}{path}", headers=HEADERS, timeout=20).content)

    def post(self, request, model):
        body = request.model_dump()
        return requests.post(f"{HTTP}/v2/models/{model}/infer", json=body, headers=HEADERS, timeout=20)

    def infer(self, request, model):
        answer = self.post(request, model)
        answer.raise_for_status()
        return InferenceResponse.model_validate_json(answer.content)

    def server(self):
        return self.get("/v2", MetadataServerResponse)

    def model(self, name):
        return self.get(f"/v2/models/{name}", MetadataModelResponse)

    def refusal(self, request, model):
        answer = self.post(request, model)
        return [answer.status_code, InferenceErrorResponse.model_validate_json(answer.content).error]

    def index(self):
        answer = requests.post(f"{HTTP}/v2/repository/index", json={}, headers=HEADERS, timeout=20)
        return sorted(one.name for one in RepositoryIndexResponse.model_validate_json(answer.content).root)


class OverGrpc:
    """With the stubs and converters that MLServer brings."""

    use_bytes = True

    def __init__(self, raw):
        self._raw = raw
        self._stub = GRPCInferenceServiceStub(grpc.insecure_channel(GRPC))

    def infer(self, request, model):
        asked = converters.ModelInferRequestConverter.from_types(request, model_name=model, use_raw=self._raw)
        answer = self._stub.ModelInfer(asked, metadata=METADATA, timeout=20)
        return converters.ModelInferResponseConverter.to_types(answer)

    def server(self):
        answer = self._stub.ServerMetadata(messages.ServerMetadataRequest(), metadata=METADATA, timeout=20)
        return converters.ServerMetadataResponseConverter.to_types(answer)

    def model(self, name):
        answer = self._stub.ModelMetadata(messages.ModelMetadataRequest(name=name), metadata=METADATA, timeout=20)
        return converters.ModelMetadataResponseConverter.to_types(answer)

    def refusal(self, request, model):
        try:
            self.infer(request, model)
        except grpc.RpcError as error:
            return [error.code().name, error.details()]
        return "it was not refused"


def everything(client, **more):
    return {
        "server": client.server().model_dump(exclude_none=True),
        "model": client.model("double").model_dump(exclude_none=True),
        "array": NumpyCodec.decode_output(
            client.infer(InferenceRequest(inputs=[NumpyCodec.encode_input("x", ROWS)]), "double").outputs[0]
        ).tolist(),
        "request": NumpyRequestCodec.decode_response(
            client.infer(NumpyRequestCodec.encode_request(ROWS), "lone")
        ).tolist(),
        "frame": told(client.infer(frame_request(client.use_bytes), "frame")),
        "wrong input": client.refusal(InferenceRequest(inputs=[NumpyCodec.encode_input("z", ROWS)]), "double"),
        "unknown model": client.refusal(NumpyRequestCodec.encode_request(ROWS), "other"),
        **more,
    }


if __name__ == "__main__":
    http, typed, raw = OverHttp(), OverGrpc(raw=False), OverGrpc(raw=True)
    answers = {
        "http": everything(http, index=http.index(), kinds=unchanged(http.infer(every_kind(False), "kinds"))),
        "grpc": everything(typed, kinds=unchanged(typed.infer(every_kind(True, ["FP16"]), "kinds but halves"))),
        "raw grpc": everything(raw, kinds=unchanged(raw.infer(every_kind(True), "kinds"))),
    }
    json.dump(answers, sys.stdout)
