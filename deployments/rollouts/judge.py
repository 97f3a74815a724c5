"""The tick of rollouts: reads what both revisions answered, judges it, and moves the traffic.

What has been judged is stored with the state, so that a restart, of the studio or in the middle of a step, goes on
where it was.
"""

import logging

from django.conf import settings
from django.utils import timezone

from deployments.errors import ChangedMeanwhile
from deployments.models import Build, Desired, Instance, InstanceDesired, Phase, Rollout, RolloutPhase
from deployments.rollouts.cells import last_closed
from deployments.rollouts.forecast import waiting_for
from deployments.rollouts.moving import as_json, end, move, plan_of, state_of, write
from deployments.rollouts.readings import Question, read_cells
from deployments.rollouts.steps import RolloutState, begin, longest_seconds, next_state
from deployments.traffic.shares import shares_of
from studio.core.jobs import JobState

log = logging.getLogger(__name__)

PAST_CELLS = 60  # before the start: how long the old revision takes
WAITING_SECONDS = 86_400.0  # for the candidate to get ready: its build and its instance fail earlier by themselves
DECISION_SECONDS = 7 * 86_400.0  # all in all, in which it is paused, held, or has no requests
MOST_CELLS = 720  # that are judged at once, after the studio was away


def judge_all() -> None:
    """Every rollout that is under way; one that cannot be judged does not keep the others waiting."""
    for key in Rollout.objects.filter(ended_at=None).values_list("pk", flat=True):
        try:
            judge(key)
        except ChangedMeanwhile:
            log.info("rollout %s was changed by somebody else in the meantime", key)
        except Exception:
            log.exception("rollout %s cannot be judged", key)


def judge(rollout_id: int) -> None:
    """One rollout, by what has been counted until now."""
    rows = Rollout.objects.select_related("service__workspace", "service__target", "created_by")
    rollout = rows.filter(pk=rollout_id, ended_at=None).first()
    if rollout is None:
        return
    if why := _ended_by_others(rollout):
        end(rollout, RolloutPhase.ABORTED, why, None)
        return
    if why := _failure(rollout):
        end(rollout, RolloutPhase.ROLLED_BACK, why, None)
        return
    state = state_of(rollout)
    if why := _overdue(rollout, state):
        end(rollout, RolloutPhase.ROLLED_BACK, why, None)
    elif state is None:
        _begin(rollout)
    else:
        _go_on(rollout, state)


def _ended_by_others(rollout: Rollout) -> str:
    service = rollout.service
    if service.desired != Desired.RUNNING:
        return "the service was stopped"
    is_as_left = service.default_revision == rollout.control and rollout.candidate in shares_of(service)
    return "" if is_as_left else "the traffic was changed by hand"


def _failure(rollout: Rollout) -> str:
    """Why the candidate does not run, if it cannot."""
    number, service = rollout.candidate, rollout.service
    build = Build.objects.filter(revision__service=service, revision__number=number).order_by("-id").first()
    if build is not None and build.state in {JobState.FAILED, JobState.CANCELLED}:
        return f"revision {number} was not built"
    instance = _instance(rollout)
    if instance is None or instance.phase != Phase.FAILED or instance.desired != InstanceDesired.RUNNING:
        return ""
    return f"revision {number} has failed: {(instance.cause or {}).get('message', '')}".rstrip(": ")


def _overdue(rollout: Rollout, state: RolloutState | None) -> str:
    """No rollout lasts for ever: one that nobody decides about, or that nobody sends requests to, goes back."""
    seconds = (timezone.now() - rollout.created_at).total_seconds()
    if state is None and seconds > WAITING_SECONDS:
        return f"revision {rollout.candidate} was not ready within a day"
    if seconds > WAITING_SECONDS + longest_seconds(plan_of(rollout)) + DECISION_SECONDS:
        return "its steps had shown nothing for a week, and nobody decided"
    return ""


def _instance(rollout: Rollout) -> Instance | None:
    return Instance.objects.filter(service=rollout.service, revision__number=rollout.candidate).first()


def _begin(rollout: Rollout) -> None:
    """The first step, once the candidate is ready."""
    instance = _instance(rollout)
    if instance is None or instance.phase != Phase.HEALTHY or instance.desired != InstanceDesired.RUNNING:
        return
    now = _last_closed()
    past = read_cells(_question(rollout, now - PAST_CELLS + 1, now))
    move(rollout, begin(plan_of(rollout), past, now), None)


def _go_on(rollout: Rollout, state: RolloutState) -> None:
    last = _last_closed()
    cells = read_cells(_question(rollout, max(state.cell + 1, last - MOST_CELLS), last))
    plan = plan_of(rollout)
    after = next_state(plan, state, cells, clock_stands=rollout.is_paused)
    if after.phase != state.phase or after.step != state.step:
        move(rollout, after, None)
    elif after != state:
        write(rollout, state=as_json(after), why=waiting_for(plan, after))


def _last_closed() -> int:
    return last_closed(timezone.now().timestamp(), settings.SLIPWAY["TELEMETRY_SECONDS"])


def _question(rollout: Rollout, first: int, last: int) -> Question:
    return Question(rollout.service_id, rollout.candidate, rollout.control, first, last)
