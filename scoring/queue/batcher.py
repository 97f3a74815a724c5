"""Adaptive batching: calls that wait for the same model share a run. Nobody waits for a batch, unless configured.

A free runner takes its share of all calls; what cannot share a run, or makes it fail, is run alone.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from scoring.contract import Batching
from scoring.core.errors import client_closed
from scoring.core.model import Model
from scoring.forms import Inputs
from scoring.queue.padding import Padding

if TYPE_CHECKING:
    from scoring.queue.call import Call, QueuedCall

DEEP_QUEUE = 1.5  # a queue is deep if a runner's share is this many times the rows that its run may have
DELAY_POLL_SECONDS = 0.0005  # while a configured delay lasts
LINGER_PART = 0.02  # of a run's length: for so long after it, its clients are expected to return
LINGER_POLL_SECONDS = 0.0002  # runs shorter than fifty of these are not worth lingering for
Done = list[tuple[Any, Any]]  # calls with what came of them
Member = tuple["Call", Inputs]


class Batcher:
    """The waiting calls of one model. The loop appends to `pending`, runners take from it."""

    def __init__(
        self, model: Model, most_rows: int, options: Batching | None = None, *, deep_rows: int | None = None
    ) -> None:
        """Runs have up to `most_rows`, or `deep_rows` in a deep queue.

        In a deep queue even a small saving per row pays: the throughput gain outweighs the extra wait of the batch's
        first request. In a shallow queue it does not.
        """
        options = options or Batching()
        self.model = model
        self.most_rows = most_rows
        self.deep_rows = deep_rows or most_rows
        self.pending: deque[QueuedCall] = deque()
        self._linger_end = 0  # perf_counter nanoseconds
        self._delay = int(options.delay_seconds * 1e9)
        self._padding = Padding(model, options.pad)
        self.pads = bool(options.pad)

    def gather(self, first: "QueuedCall", share: Callable[[], int]) -> list["QueuedCall"]:
        """The calls of a runner's next run: `first`, which it has claimed, and others that it claims here.

        It takes its `share()` of all calls, so that the other runners get batches too. For example, 9 calls wait for
        two runners and a batch may have 8 rows: each runner takes 5 or 4, not one of them 8 and the other a single
        one. With a configured delay it waits, and then takes as many as may share a run.
        """
        group = [first]
        if self._delay and self.most_rows > 1:
            self._wait_for_batch(first)
            self._claim_until(group, self._row_limit(max(share(), self.most_rows)))
        else:
            self._claim_until(group, self._row_limit(share()))
            self._linger_for_returning_clients(group, share)
        return group

    def _linger_for_returning_clients(self, group: list["QueuedCall"], share: Callable[[], int]) -> None:
        """Just after a run, wait a moment for its clients' next requests, while that makes the batch larger.

        Closed-loop clients return one by one. For example, a run of 8 has taken 40 ms. Its first client is back after
        0.1 ms: a runner that started at once would run 1 and then 7. It lingers, for up to 2 % of the run (0.8 ms),
        looks every 0.2 ms, and stops as soon as a check finds no new call or its share is complete.
        """
        while (
            len(group) < self._row_limit(share()) and perf_counter_ns() + LINGER_POLL_SECONDS * 1e9 < self._linger_end
        ):
            before = len(group)
            time.sleep(LINGER_POLL_SECONDS)
            self._claim_until(group, self._row_limit(share()))
            if len(group) == before > 1:
                break

    def _row_limit(self, share: int) -> int:
        """Rows of a run when a runner's part of all calls is `share`.

        With up to 2 rows, or 4 in a deep queue (6 calls or more for each runner): a share of 1 gives 1, of 2 to 5
        gives 2, of 6 and more gives 4.
        """
        return self.deep_rows if share >= DEEP_QUEUE * self.deep_rows else min(share, self.most_rows)

    def _claim_until(self, group: list["QueuedCall"], size: int) -> None:
        """Claim waiting calls until the group has this size."""
        pending = self.pending
        try:
            while pending[0].claimed:
                pending.popleft()
            while len(group) < size:
                call = pending.popleft()
                if call.claim():
                    group.append(call)
        except IndexError:
            pass  # nothing more waits

    def _wait_for_batch(self, first: "QueuedCall") -> None:
        end = first.request.arrived + self._delay
        while len(self.pending) < self.most_rows and perf_counter_ns() < end:
            time.sleep(DELAY_POLL_SECONDS)

    def run(self, calls: Sequence["Call"]) -> Done:
        """Answer them: those of the same shapes together; whatever fails, fails alone."""
        began = perf_counter_ns()
        try:
            return self._run(calls)
        except Exception as error:  # a fault of ours, and still everybody gets an answer
            return [(call, error) for call in calls]
        finally:
            ended = perf_counter_ns()
            self._linger_end = ended + int((ended - began) * LINGER_PART)

    def _run(self, calls: Sequence["Call"]) -> Done:
        done: Done = []
        groups: dict[Any, list[Member]] = {}
        now = perf_counter_ns()
        for call in calls:
            if call.is_gone():
                done.append((call, client_closed()))
                continue
            try:
                inputs = call.handler.form.decode(call.request)
            except Exception as error:
                done.append((call, error))
                continue
            key = self._padding.batch_key(inputs)
            if key in groups:
                groups[key].append((call, inputs))
            else:
                groups[key] = [(call, inputs)]
            began, now = now, perf_counter_ns()
            call.decode = now - began
        for members in groups.values():
            for part in self._split(members):
                done += self._run_together(part) if len(part) > 1 else [self._run_alone(*part[0])]
        return done

    def _split(self, members: list[Member]) -> list[list[Member]]:
        """Runs of no more rows than are allowed; more calls than usual have come from a deep queue."""
        most = self.deep_rows if len(members) > self.most_rows else self.most_rows
        parts: list[list[Member]] = []
        rows = 0
        for member in members:
            count = rows_of(member[1])
            if not parts or rows + count > most:
                parts.append([])
                rows = 0
            parts[-1].append(member)
            rows += count
        return parts

    def _run_together(self, members: list[Member]) -> Done:
        names = members[0][1].output_names
        sizes = [rows_of(inputs) for _, inputs in members]
        total, is_follower = sum(sizes), False
        began = perf_counter_ns()
        try:
            feed = self._padding.join([inputs for _, inputs in members])
            results = self.model.compute(names, feed)
            by_row = all(len(result) == total for result in results)
        except Exception:  # caused by one of them
            by_row = False
        if not by_row:  # run each by itself: only the cause fails, and nobody gets another's rows
            return [self._run_alone(call, inputs) for call, inputs in members]
        took = perf_counter_ns() - began
        for (call, _), size in zip(members, sizes, strict=True):
            call.infer, call.rows, call.own_rows, call.batch_follower = took, total, size, is_follower
            is_follower = True
        return self._encode_batch(members, results, sizes) or self._encode_each(members, results, sizes)

    def _encode_batch(self, members: list[Member], results: list[Any], sizes: list[int]) -> Done:
        """The responses, written at once; none if the calls are not alike enough for that."""
        handler = members[0][0].handler
        encode = handler.encode_batch
        if (
            encode is None
            or sizes.count(sizes[0]) != len(sizes)
            or any(call.handler is not handler for call, _ in members)
        ):
            return []
        began = perf_counter_ns()
        try:
            responses = encode([inputs for _, inputs in members], results, sizes[0])
        except Exception:  # one of them cannot be written; encoding each by itself finds out which
            return []
        took = (perf_counter_ns() - began) // len(members)
        done = []
        for (call, _), response in zip(members, responses, strict=False):
            call.encode = took
            done.append((call, response))
        return done

    def _encode_each(self, members: list[Member], results: list[Any], sizes: list[int]) -> Done:
        done, first = [], 0
        for (call, inputs), size in zip(members, sizes, strict=True):
            last = first + size
            done.append((call, _encode(call, inputs, self._padding.cut(inputs, results, first, last))))
            first = last
        return done

    def _run_alone(self, call: "Call", inputs: Inputs) -> tuple["Call", Any]:
        began = perf_counter_ns()
        try:
            results = self.model.compute(inputs.output_names, inputs.feed, all_cores=call.exclusive)
        except Exception as error:
            return call, error
        finally:
            call.infer = perf_counter_ns() - began
            call.rows = call.own_rows = rows_of(inputs)
        return call, _encode(call, inputs, results)


def _encode(call: "Call", inputs: Inputs, results: list[Any]) -> Any:
    began = perf_counter_ns()
    try:
        return call.handler.form.encode(inputs, results)
    except Exception as error:
        return error
    finally:
        call.encode = perf_counter_ns() - began


def rows_of(inputs: Inputs) -> int:
    """How many rows a request has."""
    first = next(iter(inputs.feed.values()))
    return len(first) if first.ndim else 1  # a scalar that replaces a default
