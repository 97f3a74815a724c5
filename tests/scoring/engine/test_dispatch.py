"""How the dispatcher runs calls, whatever transport they came by, and that each is counted and observed once."""

import asyncio
from time import perf_counter_ns

import pytest

from scoring.auth.keys import Keys
from scoring.contract import BundledModel, RunSettings
from scoring.core.answer import Answer
from scoring.core.errors import ScoringError
from scoring.core.request import Request
from scoring.counters.telemetry import Counters, by_code, create
from scoring.engine.dispatch import Dispatcher
from scoring.engine.endpoint import Endpoint
from scoring.engine.engine import Engine, Served
from scoring.queue.handler import Handler
from scoring.queue.pace import Pace


class Connected:
    disconnected = half_closed = False


class Echo(Handler):
    """Gives the body back, or raises it."""

    def answer(self, request, timings):
        timings.infer = 1000
        if request.body == b"raise":
            raise ValueError("on purpose")
        if request.body == b"answer":
            return Answer(b"text", b"text/plain", status=202)
        return request.body


class Recorder(Endpoint):
    """A transport that records what is not settled when it gets it."""

    settled_bytes = 100

    def __init__(self, served, dispatcher):
        super().__init__(served, served.handlers["score"])
        self.dispatcher = dispatcher
        self.done = []

    def on_done(self, request, call):
        self.done.append(call.result)
        if isinstance(call.result, ScoringError | Answer):
            self.dispatcher.record(call, self, call.result.status, b"")


class Observed:
    def __init__(self):
        self.began, self.ended = [], []

    def on_request(self, request):
        self.began.append(request.body)

    def on_response(self, request, outcome):
        self.ended.append((request.body, outcome.status))


@pytest.fixture(params=[False, True], ids=["unobserved", "observed"])
def observers(request):
    return Observed() if request.param else None


@pytest.fixture
def counters(tmp_path):
    return Counters(create(tmp_path / "counters", workers=1), 0)


def dispatch(tmp_path, counters, observers, use):
    """What `use(dispatcher, endpoint)` gives, on a loop, with a quick model."""

    async def run():
        model = BundledModel(name="echo", version=1, path="")
        served = Served(model, {"score": Echo()}, {}, Pace(0.0001))
        engine = Engine([served], served, 0.0001, runners=1)
        settings = RunSettings(service="echo", workspace="main", revision=1, recipe="", bundle="/none")
        keys = Keys(tmp_path / "keys.json", required=False)
        dispatcher = Dispatcher(settings, engine, keys, counters, lambda: None, observers)
        endpoint = Recorder(served, dispatcher)
        return await use(dispatcher, endpoint)

    return asyncio.run(run())


def request_of(body):
    request = Request(Connected(), b"POST", b"/score", {})
    request.body, request.arrived = body, perf_counter_ns()
    return request


def submit_all(clients, bodies, *, threaded=False):
    async def use(dispatcher, endpoint):
        dispatcher.clients = clients
        calls = []
        for body in bodies:
            request = request_of(body)
            dispatcher.admit(request)
            calls.append(dispatcher.submit(request, endpoint, threaded=threaded))
        while len(endpoint.done) + sum(call is not None for call in calls) < len(bodies):
            await asyncio.sleep(0.005)
        return [call and call.result for call in calls], endpoint.done

    return use


def test_single_client_is_answered_at_once(tmp_path, counters, observers):
    results, done = dispatch(tmp_path, counters, observers, submit_all(1, [b"1", b"2"]))

    assert (results, done) == ([b"1", b"2"], [])
    assert by_code(counters.cells.tolist()) == {200: 2}
    if observers:
        assert observers.ended == [(b"1", 200), (b"2", 200)]


@pytest.mark.parametrize("threaded", [False, True], ids=["loop batch", "queue"])
def test_every_deferred_call_is_delivered_and_recorded_once(tmp_path, counters, observers, threaded):
    bodies = [b"1", b"raise", b"answer", b"2"]
    results, done = dispatch(tmp_path, counters, observers, submit_all(3, bodies, threaded=threaded))

    assert results == [None] * 4
    assert [one if isinstance(one, bytes) else one.status for one in done] == [b"1", 500, 202, b"2"]
    assert by_code(counters.cells.tolist()) == {200: 2, 202: 1, 500: 1}
    if observers:
        assert observers.began == bodies
        assert sorted(observers.ended) == [(b"1", 200), (b"2", 200), (b"answer", 202), (b"raise", 500)]


def test_fault_of_one_response_leaves_the_others_delivered(tmp_path, counters):
    async def use(dispatcher, endpoint):
        dispatcher.clients, lost = 3, []
        deliver = endpoint.on_done

        def on_done(request, call):
            if request.body == b"2":
                raise RuntimeError("on purpose")
            deliver(request, call)

        endpoint.on_done, endpoint.on_lost = on_done, lambda request: lost.append(request.body)
        for body in (b"1", b"2", b"3"):
            dispatcher.submit(request_of(body), endpoint)
        while len(endpoint.done) < 2:
            await asyncio.sleep(0.005)
        return endpoint.done, lost

    assert dispatch(tmp_path, counters, None, use) == ([b"1", b"3"], [b"2"])


def test_refused_request_is_counted_and_observed_if_its_model_is_known(tmp_path, counters):
    async def use(dispatcher, endpoint):
        unauthenticated, admitted = request_of(b"unauthenticated"), request_of(b"admitted")
        dispatcher.refuse(unauthenticated, None, 401, b"")
        dispatcher.admit(admitted)
        dispatcher.refuse(admitted, endpoint.served, 415, b"")

    observed = Observed()
    dispatch(tmp_path, counters, observed, use)

    assert by_code(counters.cells.tolist()) == {401: 1, 415: 1}
    assert (observed.began, observed.ended) == ([b"admitted"], [(b"admitted", 415)])
