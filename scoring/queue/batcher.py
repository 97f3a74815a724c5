"""Adaptive batching: requests that wait for the same model share a run. Who is alone waits for nobody, unless told to.

A runner that becomes free takes its share of all there is to do; what cannot share a run, or fails in it, is run alone.
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

DEPTH = 1.5  # a queue is deep where a runner's share is as many times the rows that a run may have in it
LOOK_AGAIN_SECONDS = 0.0005  # while a configured delay lasts
RETURN_PART = 0.02  # of a run's time: so long after it, those it answered are expected to ask again
NAP_SECONDS = 0.0002  # between looks for them; quicker runs than fifty naps are not worth one
Done = list[tuple[Any, Any]]  # questions with what came of them
Member = tuple["Call", Inputs]


class Batcher:
    """The waiting requests of one model. The loop appends to `pending`, runners take from it."""

    def __init__(
        self, model: Model, most_rows: int, options: Batching | None = None, *, deep_rows: int | None = None
    ) -> None:
        """`deep_rows` may share a run where a runner's part of all requests is half as many again.

        Company that saves little is worth it there: the queue gets shorter by more than what those who would have been
        answered first now wait for the last of their run. In a shallow queue they would lose more than all gain.
        """
        options = options or Batching()
        self.model = model
        self.most_rows = most_rows
        self.deep_rows = deep_rows or most_rows
        self.pending: deque[QueuedCall] = deque()
        self._return_end = 0
        self._delay = int(options.delay_seconds * 1e9)
        self._padding = Padding(model, options.pad)
        self.pads = bool(options.pad)

    def gather(self, first: "QueuedCall", share: Callable[[], int]) -> list["QueuedCall"]:
        """`first`, which is claimed, and claimed others: `share()` in all, after a delay as many as may share a run."""
        group = [first]
        if self._delay and self.most_rows > 1:
            self._wait_for_company(first)
            self._take(group, self._most(max(share(), self.most_rows)))
        else:
            self._take(group, self._most(share()))
            self._take_who_return(group, share)
        return group

    def _take_who_return(self, group: list["QueuedCall"], share: Callable[[], int]) -> None:
        """Claim, too, who asks again in the next moments, if a run has just ended and others are under way.

        The clients of a run come back one by one: the first would run alone, and all others without it.
        """
        while len(group) < self._most(share()) and perf_counter_ns() + NAP_SECONDS * 1e9 < self._return_end:
            before = len(group)
            time.sleep(NAP_SECONDS)
            self._take(group, self._most(share()))
            if len(group) == before > 1:
                break

    def _most(self, share: int) -> int:
        """Rows of a run where a runner's part of all requests is `share`."""
        return self.deep_rows if share >= DEPTH * self.deep_rows else min(share, self.most_rows)

    def _take(self, group: list["QueuedCall"], most: int) -> None:
        """Claim what waits until the group has `most`."""
        pending = self.pending
        try:
            while pending[0].claimed:
                pending.popleft()
            while len(group) < most:
                job = pending.popleft()
                if job.claim():
                    group.append(job)
        except IndexError:
            pass  # nothing more waits

    def _wait_for_company(self, first: "QueuedCall") -> None:
        end = first.request.arrived + self._delay
        while len(self.pending) < self.most_rows and perf_counter_ns() < end:
            time.sleep(LOOK_AGAIN_SECONDS)

    def run(self, questions: Sequence["Call"]) -> Done:
        """Answer them: those of the same shapes together, whatever fails alone."""
        began = perf_counter_ns()
        try:
            return self._run(questions)
        except Exception as error:  # a fault of ours, and still nobody stays without an answer
            return [(question, error) for question in questions]
        finally:
            ended = perf_counter_ns()
            self._return_end = ended + int((ended - began) * RETURN_PART)

    def _run(self, questions: Sequence["Call"]) -> Done:
        done: Done = []
        groups: dict[Any, list[Member]] = {}
        now = perf_counter_ns()
        for question in questions:
            if question.is_gone():
                done.append((question, client_closed()))
                continue
            try:
                asked = question.handler.form.decode(question.request)
            except Exception as error:
                done.append((question, error))
                continue
            kind = self._padding.kind(asked)
            if kind in groups:
                groups[kind].append((question, asked))
            else:
                groups[kind] = [(question, asked)]
            began, now = now, perf_counter_ns()
            question.decode = now - began
        for members in groups.values():
            for part in self._parts(members):
                done += self._run_together(part) if len(part) > 1 else [self._run_alone(*part[0])]
        return done

    def _parts(self, members: list[Member]) -> list[list[Member]]:
        """Cut where a run would have too many rows; more requests than usual have come from a deep queue."""
        most = self.deep_rows if len(members) > self.most_rows else self.most_rows
        parts: list[list[Member]] = []
        rows = 0
        for member in members:
            count = _rows(member[1])
            if not parts or rows + count > most:
                parts.append([])
                rows = 0
            parts[-1].append(member)
            rows += count
        return parts

    def _run_together(self, members: list[Member]) -> Done:
        asked = members[0][1]
        sizes = [_rows(one) for _, one in members]
        total, follows = sum(sizes), False
        began = perf_counter_ns()
        try:
            feed = self._padding.join([one for _, one in members])
            results = self.model.compute(asked.names, feed)
            by_row = all(len(result) == total for result in results)
        except Exception:  # one of them is to blame
            by_row = False
        if not by_row:  # each by itself: only the one to blame fails, and no row is taken for another's
            return [self._run_alone(question, one) for question, one in members]
        took = perf_counter_ns() - began
        for question, _ in members:
            timings = question
            timings.infer, timings.rows, timings.batch_follower = took, total, follows
            follows = True
        return self._encode_alike(members, results, sizes) or self._encode_each(members, results, sizes)

    def _encode_alike(self, members: list[Member], results: list[Any], sizes: list[int]) -> Done:
        """The answers written in one go; none where the requests are not alike enough for that."""
        handler: Any = members[0][0].handler
        alike = handler.encode_alike
        if (
            alike is None
            or sizes.count(sizes[0]) != len(sizes)
            or any(question.handler is not handler for question, _ in members)
        ):
            return []
        began = perf_counter_ns()
        try:
            answers = alike([asked for _, asked in members], results, sizes[0])
        except Exception:  # one of them cannot be written, and is told so by itself
            return []
        took = (perf_counter_ns() - began) // len(members)
        done = []
        for (question, _), answer in zip(members, answers, strict=False):
            question.encode = took
            done.append((question, answer))
        return done

    def _encode_each(self, members: list[Member], results: list[Any], sizes: list[int]) -> Done:
        done, first = [], 0
        for (question, asked), size in zip(members, sizes, strict=True):
            last = first + size
            done.append((question, _encode(question, asked, self._padding.cut(asked, results, first, last))))
            first = last
        return done

    def _run_alone(self, question: "Call", asked: Inputs) -> tuple["Call", Any]:
        began = perf_counter_ns()
        try:
            results = self.model.compute(asked.names, asked.feed, all_cores=question.exclusive)
        except Exception as error:
            return question, error
        finally:
            question.infer, question.rows = perf_counter_ns() - began, _rows(asked)
        return question, _encode(question, asked, results)


def _encode(question: "Call", asked: Inputs, results: list[Any]) -> Any:
    began = perf_counter_ns()
    try:
        return question.handler.form.encode(asked, results)
    except Exception as error:
        return error
    finally:
        question.encode = perf_counter_ns() - began


def _rows(asked: Inputs) -> int:
    first = next(iter(asked.feed.values()))
    return len(first) if first.ndim else 1  # a scalar that replaces a default
