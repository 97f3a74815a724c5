"""Every kind of job, by name. A `Job` model registers itself with `@job`; `tasks.py` of its app says what runs it.

So a web process, which only enqueues jobs and lists them, loads nothing of what does the work.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

from studio.core.job_heartbeat import Heartbeat
from studio.core.jobs import Job

LEASE_SECONDS = 30.0  # a job whose worker was killed is taken up again after that

Row = TypeVar("Row", bound=Job)


@dataclass(frozen=True)
class JobKind:
    """One kind of job.

    `queue` is one of `studio.core.queues`. `workspace` is the look-up from a row to its workspace; kinds without one
    are not listed as running work. `related` is loaded together with a row.
    """

    name: str
    model: type[Job]
    queue: str
    workspace: str = ""
    related: tuple[str, ...] = ()

    def rows(self) -> Any:
        return self.model.objects.select_related(*self.related)


@dataclass(frozen=True)
class Runner:
    """What a worker does with a claimed row, and with one that it gives up (in the transaction that fails the row)."""

    run: Callable[[Any, Heartbeat], None]
    on_give_up: Callable[[Any], None] = lambda _: None


_kinds: dict[str, JobKind] = {}
_runners: dict[str, Runner] = {}


def job(
    kind: str,
    *,
    queue: str,
    lease_seconds: float = LEASE_SECONDS,
    workspace: str = "",
    related: tuple[str, ...] = (),
) -> Callable[[type[Row]], type[Row]]:
    """Register a `Job` model under the name of its kind."""

    def register(model: type[Row]) -> type[Row]:
        if kind in _kinds:
            raise ValueError(f"two kinds of job are called {kind!r}")
        model.kind, model.lease_seconds = kind, lease_seconds
        _kinds[kind] = JobKind(kind, model, queue, workspace, related)
        return model

    return register


def register_runner(
    model: type[Row],
    run: Callable[[Row, Heartbeat], None],
    *,
    on_give_up: Callable[[Row], None] = lambda _: None,
) -> None:
    """Say what runs the jobs of `model`. Called by an app's `tasks.py`, which only workers load.

    `run` is safe to repeat and to kill at any line. It closes the row itself, together with what comes of the job.
    """
    _runners[model.kind] = Runner(run, on_give_up)


def kind_of(name: str) -> JobKind:
    return _kinds[name]


def kinds(queue: str | None = None) -> list[JobKind]:
    """All kinds, or those of one queue."""
    return [kind for kind in _kinds.values() if queue in (None, kind.queue)]


def runner_of(name: str) -> Runner:
    return _runners[name]


def running_work(workspace: object, limit: int) -> list[Job]:
    """Unfinished jobs of a workspace, oldest first, at most `limit` of each kind."""
    listed = (kind for kind in kinds() if kind.workspace)
    unfinished = (kind.rows().unfinished().filter(**{kind.workspace: workspace}) for kind in listed)
    return sorted(chain(*(rows.order_by("pk")[:limit] for rows in unfinished)), key=lambda job: job.created_at)
