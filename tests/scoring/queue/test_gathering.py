"""Which waiting calls a runner claims for its next run."""

import asyncio
import threading
import time

import pytest

from scoring.contract import Batching
from scoring.queue.batcher import Batcher
from tests.scoring.batches import admission_of, answers_of, body, heavy_model, load, queued, values_of


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load(heavy_model(tmp_path_factory.mktemp("batching") / "model.onnx"))


def test_runner_claims_its_share_of_waiting_calls(model):
    batcher = Batcher(model, 32)
    calls = [queued(model, batcher, body(n)) for n in range(9)]
    calls[0].claim()

    group = batcher.gather(calls[0], lambda: 5)

    assert len(group) == 5
    assert all(one.claimed for one in group)
    assert not any(one.claimed for one in calls if one not in group)


def test_call_given_up_by_the_sweep_is_not_gathered(model):
    batcher = Batcher(model, 32)
    calls = [queued(model, batcher, body(n)) for n in range(4)]
    calls[0].claim()
    calls[1].claim()  # the sweep has given it up

    assert batcher.gather(calls[0], lambda: 4) == [calls[0], calls[2], calls[3]]


class RecordingBatcher(Batcher):
    """Records shares and groups, and ends no run before `may_end`."""

    def __init__(self, model) -> None:
        super().__init__(model, 32)
        self.shares, self.groups, self.may_end = [], [], threading.Event()

    def gather(self, first, share):
        self.shares.append(share())
        return super().gather(first, share)

    def run(self, calls):
        self.groups.append(len(calls))
        self.may_end.wait(5)
        return [(one, b"") for one in calls]


def submit(admission, batcher, number: int) -> None:
    made = queued(batcher.model, batcher, body(number))
    batcher.pending.remove(made)  # admission adds it
    admission.submit(made)


async def until(condition) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def test_runner_leaves_busy_runners_their_share(model):
    batcher = RecordingBatcher(model)

    async def ask():
        admission = admission_of(runners=2)
        submit(admission, batcher, 0)
        await until(lambda: batcher.groups)
        for n in range(1, 9):
            submit(admission, batcher, n)
        await until(lambda: len(batcher.groups) == 2)
        batcher.may_end.set()
        await until(lambda: not admission.waiting)

    asyncio.run(ask())
    assert batcher.shares[:2] == [1, 5]


def test_calls_of_one_loop_iteration_are_handed_over_together(model):
    batcher = RecordingBatcher(model)

    async def ask():
        admission = admission_of(runners=1)
        submit(admission, batcher, 0)
        await until(lambda: batcher.groups)
        batcher.may_end.set()
        for n in range(1, 9):
            time.sleep(0.02)  # the runner is free and would take what it is given
            submit(admission, batcher, n)
        await until(lambda: not admission.waiting)

    asyncio.run(ask())
    assert batcher.groups == [1, 8]


@pytest.mark.parametrize(("share", "expected"), [(1, 2), (2, 2), (3, 2), (5, 2), (6, 4), (20, 4)])
def test_deep_queue_allows_larger_runs(model, share, expected):
    batcher = Batcher(model, 2, deep_rows=4)
    calls = [queued(model, batcher, body(n)) for n in range(20)]
    calls[0].claim()

    group = batcher.gather(calls[0], lambda: share)

    assert group == calls[: min(share, expected)]
    assert [values_of(answer) for answer in answers_of(batcher, group)] == [[n] for n in range(len(group))]
    assert {one.rows for one in group} == {len(group)}


def test_delay_is_ignored_where_only_deep_queues_are_batched(model):
    batcher = Batcher(model, 1, Batching(delay_seconds=60), deep_rows=4)
    alone = queued(model, batcher, body(1))
    alone.claim()

    assert batcher.gather(alone, lambda: 1) == [alone]


# --- lingering for returning clients


class Clients:
    """Closed-loop clients of one model with a fake clock, which only runs, polls and `pass_time` move."""

    def __init__(self, model, monkeypatch, *, running: int, returning: list[int]) -> None:
        """`running` clients are in a run of the other runner; `returning` says how many return during each poll."""
        self.now, self.sent, self.polls = 0.0, running, 0
        self._model, self._returning = model, returning
        self.batcher = Batcher(model, 8)
        monkeypatch.setattr("scoring.queue.batcher.perf_counter_ns", lambda: int(self.now * 1e6))
        monkeypatch.setattr("scoring.queue.batcher.time.sleep", self._poll)
        monkeypatch.setattr(self.batcher, "_run", self._run)

    def pass_time(self, milliseconds: float) -> None:
        self.now += milliseconds

    def run(self, milliseconds: float) -> None:
        self._lasts = milliseconds
        self.batcher.run([])

    def _run(self, calls: list) -> list:
        self.pass_time(self._lasts)
        return []

    def _poll(self, seconds: float) -> None:
        self.polls += 1
        self.pass_time(seconds * 1e3)
        self._ask(self._returning.pop(0) if self._returning else 0)

    def _ask(self, count: int) -> list:
        self.sent += count
        return [queued(self._model, self.batcher, body(n)) for n in range(count)]

    def next_group(self) -> int:
        """The size of the next run of one of two runners, after one more client has sent a request."""
        [first] = self._ask(1)
        first.claim()
        return len(self.batcher.gather(first, lambda: -(-self.sent // 2)))


def test_runner_lingers_for_clients_that_return_one_by_one(model, monkeypatch):
    clients = Clients(model, monkeypatch, running=8, returning=[1, 4, 2])
    clients.run(40)
    clients.pass_time(0.1)

    assert clients.next_group() == 8
    assert clients.polls == 3


def test_linger_ends_without_returning_clients(model, monkeypatch):
    clients = Clients(model, monkeypatch, running=8, returning=[3, 0, 4])
    clients.run(40)

    assert clients.next_group() == 4
    assert clients.polls == 2


@pytest.mark.parametrize("running", [0, 1])
def test_single_client_does_not_linger(model, monkeypatch, running):
    clients = Clients(model, monkeypatch, running=running, returning=[1])
    clients.run(40)

    assert clients.next_group() == 1
    assert clients.polls == 0


@pytest.mark.parametrize("run", [5, 10, 11, 40, 1000])
def test_linger_takes_at_most_two_percent_of_the_run(model, monkeypatch, run):
    clients = Clients(model, monkeypatch, running=8, returning=[])
    clients.run(run)
    ended = clients.now

    assert clients.next_group() == 1
    assert clients.now - ended <= run / 50
    assert bool(clients.polls) == (run > 10)


def test_no_linger_long_after_a_run(model, monkeypatch):
    clients = Clients(model, monkeypatch, running=8, returning=[7])
    clients.run(40)
    clients.pass_time(0.8)

    assert clients.next_group() == 1
    assert clients.polls == 0
