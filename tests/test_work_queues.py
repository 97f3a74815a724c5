"""The queues of a whole studio: bounded messages, lost ones replaced, builds beside inspections."""

import os
import time

import psutil
import pytest
import redis

from studio.core.queues import BUILDS, HEAVY, QUEUES
from studio.stack.broker import password, socket_path
from tests.breaking import IRIS, frozen, inspectors, new_model, slow_to_inspect
from tests.broken_messages import failing_messages, unreadable_messages
from tests.rest import Rest
from tests.stack import Stack, wait_for

pytestmark = [pytest.mark.stack, pytest.mark.skipif(not os.path.exists("/proc"), reason="freezes by Linux's means")]

TICK_SECONDS = 5


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """With one process for inspections, which one of them keeps busy."""
    with Stack(tmp_path_factory.mktemp("studio"), SLIPWAY_HEAVY_PROCESSES="1") as running:
        yield running


@pytest.fixture(scope="module")
def rest(stack):
    return Rest(stack)


@pytest.fixture(scope="module")
def broker(stack):
    url = stack.environ.get("REDIS_URL")
    if url:
        return redis.Redis.from_url(url)
    return redis.Redis(unix_socket_path=str(socket_path(stack.data)), password=password(stack.data))


@pytest.mark.skipif("REDIS_URL" in os.environ, reason="about the embedded broker")
def test_embedded_broker_requires_its_password(stack):
    stranger = redis.Redis(unix_socket_path=str(socket_path(stack.data)))
    with pytest.raises(redis.AuthenticationError):
        stranger.ping()


@pytest.fixture(scope="module")
def iris(rest):
    version = rest.register("iris", IRIS / "model.onnx")
    rest.until_ready(version)
    return version


def test_waiting_job_has_one_message(stack, rest, broker):
    with frozen(stack.pids[HEAVY]):
        versions = [rest.register("waiting", IRIS / "model.onnx") for _ in range(6)]
        time.sleep(2 * TICK_SECONDS + 1)
        assert broker.llen(HEAVY) <= len(versions)
    for version in versions:
        rest.until_ready(version)


def test_work_with_lost_messages_is_done_within_seconds(stack, rest, broker, iris):
    with frozen(stack.pids[HEAVY]), frozen(stack.pids[BUILDS]):
        versions = [rest.register("lost", IRIS / "model.onnx") for _ in range(12)]
        rest.deploy("lost", iris)
        broker.flushdb()
    for version in versions:
        rest.until_ready(version, 40)
    rest.until_healthy("lost")


def test_a_build_does_not_wait_for_inspections(stack, rest, tmp_path):
    model = new_model(rest, "beside")
    version = rest.register("slow", slow_to_inspect(tmp_path))
    [running] = wait_for(lambda: inspectors(stack), 20, "an inspection under way")
    running.suspend()
    try:
        rest.deploy("beside", model)
        rest.until_healthy("beside")
        assert rest.get(f"versions/{version}")["state"] == "uploaded"
    finally:
        running.resume()
    rest.until_ready(version)


def processes_of(stack):
    """By queue: the worker, and the processes that it has forked for its tasks."""
    workers = {queue: psutil.Process(stack.pids[queue]) for queue in QUEUES}
    return {queue: {worker.pid, *(child.pid for child in worker.children())} for queue, worker in workers.items()}


def test_workers_drop_messages_that_cannot_be_read_and_go_on(stack, rest, broker):
    before = processes_of(stack)
    for queue in QUEUES:
        broker.lpush(queue, *unreadable_messages(queue).values(), *failing_messages(queue).values())
    model = new_model(rest, "after-garbage")
    rest.deploy("after-garbage", model)
    rest.until_healthy("after-garbage")
    wait_for(lambda: not broker.exists("unacked", *QUEUES), 20, "no message waiting or in work")
    assert processes_of(stack) == before
    assert stack.log().count("dropped a message that cannot be read") == len(QUEUES) * len(unreadable_messages(HEAVY))
