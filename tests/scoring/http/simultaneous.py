"""Requests that a server receives all at once: its workers are suspended while they are sent."""

import json
from contextlib import ExitStack, contextmanager

import psutil
from onnx import helper

from tests.scoring.batches import heavy_model, mixing_model
from tests.scoring.conftest import KINDS, double_model, read_answers, request_bytes, save, sum_model

INFER = "/v2/models/{}/infer"
DOUBLE = INFER.format("double")
MANY = 24
RESET = b"\1\0\0\0\0\0\0\0"  # SO_LINGER: close at once


def texts_model(path):
    """Returns text unchanged."""
    x, y = (helper.make_tensor_value_info(name, KINDS["BYTES"], ["n", 2]) for name in "xy")
    return save(path, [helper.make_node("Identity", ["x"], ["y"])], [x], [y])


def with_all_models(replica):
    """Batched and unbatched models, of numbers and of text."""
    return replica.with_models(
        double=double_model, heavy=heavy_model, mixing=mixing_model, sum=sum_model, texts=texts_model
    )


@contextmanager
def stopped(replica):
    """Suspend its workers: they see what is sent in here all at once, after it."""
    workers = replica.workers()
    for worker in workers:
        worker.suspend()
    replica.until(lambda: all(worker.status() == psutil.STATUS_STOPPED for worker in workers))
    try:
        yield
    finally:
        for worker in workers:
            worker.resume()


@contextmanager
def lines_to(replica, count):
    """So many connections that the server has accepted."""
    with ExitStack() as stack:
        lines = [stack.enter_context(replica.connect()) for _ in range(count)]
        for line in lines:
            line.sendall(request_bytes(b"", "/v2/health/live", method="GET"))
        for line in lines:
            read_answers(line)
        yield lines


def at_once(replica, contents, answers=None):
    """The responses to these requests, each on its own connection; `answers` are their numbers if not 1 each."""
    with lines_to(replica, len(contents)) as lines:
        with stopped(replica):
            for line, content in zip(lines, contents, strict=True):
                line.sendall(content)
        found = [read_answers(line, count) for line, count in zip(lines, answers or [1] * len(lines), strict=True)]
    return [each[0] for each in found] if answers is None else found


def tensor(name, shape, data, datatype="FP32"):
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def row(value):
    return [value, value + 0.25, -value, 0.0]


def infer(value, **more):
    return json.dumps({"inputs": [tensor("x", [1, 4], row(value))], **more}).encode()


def doubled(answer):
    status, _, content = answer
    assert status == 200, content
    [output] = json.loads(content)["outputs"]
    return output["data"]


def twice(value):
    return [2 * one for one in row(value)]


def statistics(replica, model):
    [found] = replica.client.get(f"/v2/models/{model}/stats").json()["model_stats"]
    return found


def runs(replica, model):
    """The number of runs by their rows."""
    return {one["batch_size"]: one["compute_infer"]["count"] for one in statistics(replica, model)["batch_stats"]}


def metrics(replica):
    lines = replica.client.get("/metrics").text.splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}
