"""A state transition happens once, from the state that was read, or not at all."""

import pytest

from registry.models import Model
from studio.core.errors import Conflict
from studio.core.jobs import JobState
from studio.core.states import StateChanged, move
from tests.core.jobs import a_job

pytestmark = pytest.mark.django_db
MOVES = {JobState.QUEUED: frozenset({JobState.RUNNING}), JobState.RUNNING: frozenset({JobState.FAILED})}


@pytest.fixture
def job(workspace, bob):
    return a_job(workspace, bob)


def test_transition_sets_state_and_columns_together(job):
    move(job, JobState.RUNNING, moves=MOVES, step="first")

    kept = type(job).objects.get(pk=job.pk)
    assert (kept.state, kept.step) == ("running", "first")
    assert (job.state, job.step) == ("running", "first")


def test_undeclared_transition_is_rejected(job):
    with pytest.raises(Conflict) as refused:
        move(job, JobState.FAILED, moves=MOVES)

    assert refused.value.code == "move_not_allowed"
    assert type(job).objects.get(pk=job.pk).state == "queued"


def test_one_of_two_concurrent_transitions_wins(job):
    late = type(job).objects.get(pk=job.pk)
    move(job, JobState.RUNNING, moves=MOVES, step="the first")

    with pytest.raises(StateChanged) as lost:
        move(late, JobState.RUNNING, moves=MOVES, step="the second")

    assert lost.value.retryable
    assert late.state == "queued"
    assert type(job).objects.get(pk=job.pk).step == "the first"


def test_final_state_has_no_transitions(job):
    move(job, JobState.RUNNING, moves=MOVES)
    move(job, JobState.FAILED, moves=MOVES)

    with pytest.raises(Conflict):
        move(job, JobState.QUEUED, moves=MOVES)


def test_deleted_row_has_no_transitions(job):
    Model.objects.all().delete()

    with pytest.raises(StateChanged):
        move(job, JobState.RUNNING, moves=MOVES)
