"""Which waiting requests a runner takes for its next run."""

import asyncio
import threading
import time

import pytest

from scoring.batcher import Batcher
from scoring.contract import Batching
from tests.scoring.batches import admission_of, answers_of, body, heavy_model, job, load, values_of


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load(heavy_model(tmp_path_factory.mktemp("batching") / "model.onnx"))


def test_a_runner_takes_its_share_of_what_waits(model):
    batcher = Batcher(model, 32)
    jobs = [job(model, batcher, body(n)) for n in range(9)]
    jobs[0].claim()

    group = batcher.gather(jobs[0], share=5)

    assert len(group) == 5
    assert all(one.claimed for one in group)
    assert not any(one.claimed for one in jobs if one not in group)


def test_a_request_that_waited_too_long_is_not_gathered(model):
    batcher = Batcher(model, 32)
    jobs = [job(model, batcher, body(n)) for n in range(4)]
    jobs[0].claim()
    jobs[1].claim()  # the sweep has given it up

    assert batcher.gather(jobs[0], share=4) == [jobs[0], jobs[2], jobs[3]]


def test_a_runner_leaves_the_others_their_part_while_they_are_busy(model):
    shares, end = [], threading.Event()

    class Watched(Batcher):
        def gather(self, first, share):
            shares.append(share)
            return [first]

        def run(self, questions):
            end.wait(5)
            return [(one, b"") for one in questions]

    async def ask():
        admission = admission_of(runners=2)
        batcher = Watched(model, 32)
        admission.submit(unqueued(batcher, job(model, batcher, body(0))))
        while not shares:
            await asyncio.sleep(0.01)
        for n in range(1, 9):
            admission.submit(unqueued(batcher, job(model, batcher, body(n))))
        while len(shares) < 2:
            await asyncio.sleep(0.01)
        end.set()
        while admission.waiting:
            await asyncio.sleep(0.01)

    asyncio.run(ask())
    assert shares[:2] == [1, 5]


def test_what_comes_in_one_turn_of_the_loop_is_handed_over_together(model):
    groups, end = [], threading.Event()

    class Watched(Batcher):
        def run(self, questions):
            groups.append(len(questions))
            end.wait(5)
            return [(one, b"") for one in questions]

    async def ask():
        admission = admission_of(runners=1)
        batcher = Watched(model, 32)
        admission.submit(unqueued(batcher, job(model, batcher, body(0))))
        while not groups:
            await asyncio.sleep(0.01)
        end.set()
        for n in range(1, 9):
            time.sleep(0.02)  # the runner is free and would take what it is given
            admission.submit(unqueued(batcher, job(model, batcher, body(n))))
        while admission.waiting:
            await asyncio.sleep(0.01)

    asyncio.run(ask())
    assert groups == [1, 8]


def unqueued(batcher, made):
    batcher.pending.remove(made)
    return made


@pytest.mark.parametrize(("share", "expected"), [(1, 2), (2, 2), (3, 2), (5, 2), (6, 4), (20, 4)])
def test_runs_are_larger_where_the_queue_is_deep(model, share, expected):
    batcher = Batcher(model, 2, deep_rows=4)
    jobs = [job(model, batcher, body(n)) for n in range(20)]
    jobs[0].claim()

    group = batcher.gather(jobs[0], share)

    assert group == jobs[: min(share, expected)]
    assert [values_of(answer) for answer in answers_of(batcher, group)] == [[n] for n in range(len(group))]
    assert {one.rows for one in group} == {len(group)}


def test_a_delay_is_for_company_that_is_always_worth_it(model):
    batcher = Batcher(model, 1, Batching(delay_seconds=60), deep_rows=4)
    alone = job(model, batcher, body(1))
    alone.claim()

    assert batcher.gather(alone, 1) == [alone]
