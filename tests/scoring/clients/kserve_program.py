"""Asks a server with KServe's inference clients, and prints as JSON what they gave; runs in an environment of its own.

Arguments: the address of HTTP, the address of gRPC, the key. Everything is asked as KServe's own documents show it.
"""

import asyncio
import json
import logging
import sys

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

HTTP, GRPC, KEY = sys.argv[1:]
HEADERS = {"Authorization": f"Bearer {KEY}"}
METADATA = (("authorization", f"Bearer {KEY}"),)
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
    "BYTES": np.array(["grün", ""], np.object_),
}


def pair(a=(1.0, 2.0), b=(10.0, 20.0)):
    return [InferInput("a", [len(a)], "FP32", list(a)), InferInput("b", [len(b)], "FP32", list(b))]


def of_every_kind(*, binary):
    """A request with an input of every datatype."""
    inputs = []
    for kind, array in ARRAYS.items():
        inputs.append(InferInput(f"in_{kind}", list(array.shape), kind))
        inputs[-1].set_data_from_numpy(array, binary_data=binary or kind == "FP16")  # which JSON does not carry
    return inputs


def told(answer):
    """An answer as plain values."""
    outputs = {}
    for output in answer.outputs:
        values = output.as_numpy()
        if output.datatype == "BYTES":
            plain = [one.decode() if isinstance(one, bytes) else one for one in values.tolist()]
        else:
            plain = values.tolist()
        outputs[output.name] = [output.datatype, output.shape, plain]
    return {"model": answer.model_name, "version": answer.model_version, "id": answer.id, "outputs": outputs}


def unchanged(answer):
    """The datatypes of a request of every kind that came back as they were sent."""
    same = []
    for kind, array in ARRAYS.items():
        output = next(one for one in answer.outputs if one.name == f"out_{kind}")
        values = output.as_numpy()
        if kind == "BYTES":
            values = np.array([one.decode() if isinstance(one, bytes) else one for one in values], np.object_)
        if output.datatype == kind and values.dtype == array.dtype and values.tolist() == array.tolist():
            same.append(kind)
    return same


async def failure(awaitable):
    """How a client tells that a request failed."""
    try:
        await awaitable
    except Exception as error:  # whatever it is, the test reads it
        code = error.code().name if hasattr(error, "code") else error.response.status_code
        return [type(error).__name__, code, error.details() if hasattr(error, "details") else str(error)]
    return "it did not fail"


async def over_rest_v2():
    async with InferenceRESTClient(RESTConfig(protocol="v2", retries=0)) as client:

        def infer(model, inputs, headers=HEADERS, **more):
            return client.infer(HTTP, InferRequest(model, inputs, **more), model, headers=dict(headers))

        by_name = [InferInput("a", [1], "FP32", [1.0]), InferInput("z", [1], "FP32", [1.0])]
        binary = [InferInput(name, [2], "FP32") for name in "ab"]
        for one, first in zip(binary, (1, 10), strict=True):
            one.set_data_from_numpy(np.array([first, 2 * first], np.float32))
        wanted = [RequestedOutput("difference", {"binary_data": True})]
        return {
            "live": await client.is_server_live(HTTP, headers=HEADERS),
            "ready": await client.is_server_ready(HTTP, headers=HEADERS),
            "model ready": await client.is_model_ready(HTTP, "sum", headers=HEADERS),
            "other ready": await client.is_model_ready(HTTP, "other", headers=HEADERS),
            "json": told(await infer("sum", pair(), request_id="a request")),
            "binary": told(await infer("sum", binary, request_outputs=wanted)),
            "binary answers": told(await infer("sum", pair(), parameters={"binary_data_output": True})),
            "kinds": unchanged(
                await infer("kinds", of_every_kind(binary=False), parameters={"binary_data_output": True})
            ),
            "binary kinds": unchanged(
                await infer("kinds", of_every_kind(binary=True), parameters={"binary_data_output": True})
            ),
            "wrong input": await failure(infer("sum", by_name)),
            "wrong shape": await failure(infer("sum", pair(a=(1.0, 2.0, 3.0)))),
            "unknown model": await failure(infer("other", pair())),
            "wrong key": await failure(infer("sum", pair(), {"Authorization": "Bearer wrong"})),
        }


async def over_rest_v1():
    async with InferenceRESTClient(RESTConfig(protocol="v1", retries=0)) as client:

        def infer(body, model="double"):
            return client.infer(HTTP, body, model, headers=dict(HEADERS))

        return {
            "model ready": await client.is_model_ready(HTTP, "double", headers=HEADERS),
            "other ready": await failure(client.is_model_ready(HTTP, "other", headers=HEADERS)),
            "predictions": await infer({"instances": [[1, 2, 3, 4], [5, 6, 7, 8]]}),
            "by name": await infer({"instances": [{"a": 1, "b": 2}]}, "sum"),
            "no instances": await failure(infer({"rows": []})),
            "unknown model": await failure(infer({"instances": [1]}, "other")),
        }


async def over_grpc():
    async with InferenceGRPCClient(GRPC, retries=0) as client:

        def infer(model, inputs, headers=METADATA, **more):
            return client.infer(InferRequest(model, inputs, **more), headers=headers)

        return {
            "live": await client.is_server_live(headers=METADATA),
            "ready": await client.is_server_ready(headers=METADATA),
            "model ready": await client.is_model_ready("sum", headers=METADATA),
            "other ready": await client.is_model_ready("other", headers=METADATA),
            "typed": told(await infer("sum", pair(), request_id="a request")),
            "one output": told(await infer("sum", pair(), request_outputs=[RequestedOutput("total")])),
            "raw kinds": unchanged(await infer("kinds", of_every_kind(binary=True))),
            "wrong shape": await failure(infer("sum", pair(a=(1.0, 2.0, 3.0)))),
            "unknown model": await failure(infer("other", pair())),
            "wrong key": await failure(infer("sum", pair(), (("authorization", "Bearer wrong"),))),
        }


async def everything():
    asked = {"v2": over_rest_v2, "v1": over_rest_v1, "grpc": over_grpc}
    return {name: await ask() for name, ask in asked.items()}


if __name__ == "__main__":
    logging.disable()  # the gRPC client logs every refusal with its traceback
    json.dump(asyncio.run(everything()), sys.stdout)
