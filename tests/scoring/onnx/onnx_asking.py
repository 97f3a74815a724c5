"""One request in every format of a scoring server, and whether the result is the expected one."""

import json
from typing import Any

import grpc
import numpy as np
from tritonclient.grpc import service_pb2 as messages

from scoring.forms.binary import packed
from scoring.rpc.form import CONTENTS
from tests.scoring.onnx.onnx_cases import Arrays, Case
from tests.scoring.rpc_client import AUTH, Rpc

WAYS = ("V2 binary", "V2 JSON", "gRPC raw", "gRPC typed", ":predict by row", ":predict by column")


class NotRepresentableError(Exception):
    """The request or its result cannot be represented in this format."""


def same(expected: Arrays, found: Arrays) -> bool:
    return list(expected) == list(found) and all(same_array(expected[name], found[name]) for name in expected)


def same_array(expected: np.ndarray, found: np.ndarray) -> bool:
    """Bit for bit, but for what kind of NaN it is."""
    if expected.shape != found.shape or expected.dtype != found.dtype:
        return False
    if expected.dtype.kind != "f":
        return bool(np.array_equal(expected, found))
    nan = np.isnan(expected)
    return bool(np.array_equal(nan, np.isnan(found))) and expected[~nan].tobytes() == found[~nan].tobytes()


def ask(case: Case, server: Rpc) -> dict[str, str]:
    """For every request format "equal", "not representable", or what was wrong."""
    client, found = server.replica.client, {}
    datatypes = {name: one.datatype for name, one in case.loaded.inputs.items()}
    asked = {
        "V2 binary": lambda: v2(case, client, datatypes, binary=True),
        "V2 JSON": lambda: v2(case, client, datatypes, binary=False),
        "gRPC raw": lambda: rpc(case, server.stub, datatypes, typed=False),
        "gRPC typed": lambda: rpc(case, server.stub, datatypes, typed=True),
        ":predict by row": lambda: predict(case, client, by_row=True),
        ":predict by column": lambda: predict(case, client, by_row=False),
    }
    for way, question in asked.items():
        try:
            if way not in ("V2 binary", "gRPC raw", "gRPC typed"):
                for output in case.outputs.values():
                    check_representable(output)
            answer = question()
            found[way] = "equal" if same(case.outputs, answer) else f"{answer} instead of {case.outputs}"
        except NotRepresentableError:
            found[way] = "not representable"
        except (AssertionError, KeyError, ValueError, grpc.RpcError) as error:
            found[way] = f"{type(error).__name__}: {error}"
    return found


def v2(case: Case, client: Any, datatypes: dict[str, str], *, binary: bool) -> Arrays:
    tensors, tail = [], b""
    for name, array in case.inputs.items():
        one = {"name": name, "shape": list(np.shape(array)), "datatype": datatypes[name]}
        if binary:
            part = raw(array)
            tail += part
            one["parameters"] = {"binary_data_size": len(part)}
        else:
            one["data"] = check_representable(np.ravel(array))
        tensors.append(one)
    head = json.dumps({"inputs": tensors, "parameters": {"binary_data_output": binary}}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))} if binary else {}
    answer = client.post(f"/v2/models/{case.name}/infer", content=head + tail, headers=headers)
    assert answer.status_code == 200, answer.text
    length = int(answer.headers.get("Inference-Header-Content-Length", len(answer.content)))
    rest, found = answer.content[length:], {}
    for one in json.loads(answer.content[:length])["outputs"]:
        dtype = case.outputs[one["name"]].dtype
        if binary:
            size = one["parameters"]["binary_data_size"]
            found[one["name"]] = from_raw(rest[:size], dtype, one["shape"])
            rest = rest[size:]
        else:
            found[one["name"]] = np.array(with_nan(one["data"]), dtype).reshape(one["shape"])
    return found


def rpc(case: Case, stub: Any, datatypes: dict[str, str], *, typed: bool) -> Arrays:
    asked = messages.ModelInferRequest(model_name=case.name)
    for name, array in case.inputs.items():
        tensor = asked.inputs.add(name=name, shape=np.shape(array), datatype=datatypes[name])
        if not typed:
            asked.raw_input_contents.append(raw(array))
        elif tensor.datatype in CONTENTS:
            values = np.ravel(array).tolist()
            texts = np.asarray(array).dtype.kind in "OSU"
            getattr(tensor.contents, CONTENTS[tensor.datatype]).extend(
                [as_text(one).encode() for one in values] if texts else values
            )
        else:
            raise NotRepresentableError
    answer = stub.ModelInfer(asked, metadata=AUTH, timeout=60)
    found = {}
    for place, one in enumerate(answer.outputs):
        dtype, shape = case.outputs[one.name].dtype, list(one.shape)
        if answer.raw_output_contents:
            found[one.name] = from_raw(answer.raw_output_contents[place], dtype, shape)
        else:
            values = getattr(one.contents, CONTENTS[one.datatype])
            texts = [value.decode() for value in values] if dtype.kind == "O" else list(values)
            found[one.name] = np.array(texts, dtype).reshape(shape)
    return found


def predict(case: Case, client: Any, *, by_row: bool) -> Arrays:
    values = {name: check_representable(np.asarray(array)) for name, array in case.inputs.items()}
    if any(np.size(array) == 0 for array in (*case.inputs.values(), *case.outputs.values())):
        raise NotRepresentableError  # nested lists do not tell such a shape
    if by_row:
        by_rows = (*case.inputs.values(), *(case.outputs.values() if len(case.outputs) > 1 else ()))
        counts = {np.shape(array)[:1] for array in by_rows}
        if len(counts) != 1 or counts == {()} or () in map(np.shape, case.outputs.values()):
            raise NotRepresentableError
        rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
        body = {"instances": rows if len(values) > 1 else next(iter(values.values()))}
    else:
        body = {"inputs": values if len(values) != 1 else next(iter(values.values()))}
    answer = client.post(f"/v1/models/{case.name}:predict", content=json.dumps(body))
    assert answer.status_code == 200, answer.text
    found = answer.json()["predictions" if by_row else "outputs"]
    if len(case.outputs) == 1:
        found = {next(iter(case.outputs)): found}
    elif by_row:
        found = {name: [row[name] for row in found] for name in case.outputs}
    return {name: np.array(with_nan(value), case.outputs[name].dtype) for name, value in found.items()}


def raw(array: Any) -> bytes:
    array = np.asarray(array)
    if array.dtype.kind in "OSU":
        return packed([as_text(item) for item in array.ravel()])
    return np.ascontiguousarray(array).tobytes()


def from_raw(part: bytes, dtype: np.dtype, shape: list[int]) -> np.ndarray:
    if dtype.kind != "O":
        return np.frombuffer(part, dtype).reshape(shape)
    texts = []
    while part:
        end = 4 + int.from_bytes(part[:4], "little")
        texts.append(part[4:end].decode())
        part = part[end:]
    return np.array(texts, object).reshape(shape)


def check_representable(array: np.ndarray) -> Any:
    """An array as JSON says it."""
    if array.dtype.kind == "f" and np.isinf(array).any():
        raise NotRepresentableError
    if array.dtype.kind in "OSU":
        return np.array([as_text(item) for item in array.ravel()], object).reshape(array.shape).tolist()
    if array.dtype.kind == "f" and np.isnan(array).any():
        return np.where(np.isnan(array), None, array.astype(object)).tolist()
    return array.tolist()


def as_text(item: Any) -> str:
    return item.decode() if isinstance(item, bytes) else str(item)


def with_nan(value: Any) -> Any:
    if isinstance(value, list):
        return [with_nan(item) for item in value]
    return np.nan if value is None else value
