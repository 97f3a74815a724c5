"""The work of a target's check: ask its driver, keep what it says."""

import logging
from typing import cast

from django.db import transaction

from deployments.events import TARGET_CHECKED
from deployments.models import TargetCheck
from deployments.targets import driver_for
from deployments.targets.base import TellsFacts
from studio.activity.recording import record
from studio.core.errors import SlipwayError
from studio.core.job_heartbeat import Heartbeat
from studio.core.jobs import JobState

log = logging.getLogger(__name__)

KEPT = 20  # checks of a target


def run(check: TargetCheck, heartbeat: Heartbeat) -> None:
    """Do it. Safe to repeat, and to kill at any line."""
    heartbeat.step("asking the target", 0.1)
    problems = problems_of(check)
    facts = [] if problems else facts_of(check)
    with transaction.atomic():
        if not check.end(JobState.SUCCEEDED, problems=problems, facts=facts):
            return
        record(
            TARGET_CHECKED,
            check.target,
            workspace=check.target.workspace,
            actor=check.requested_by,
            problems=problems,
        )
        newest = check.target.checks.order_by("-pk").values_list("pk", flat=True)[:KEPT]
        check.target.checks.exclude(pk__in=list(newest)).delete()


def facts_of(check: TargetCheck) -> list[str]:
    """What the driver tells of the target; nothing where it has nothing to tell."""
    driver = driver_for(check.target)
    # Not isinstance, which remembers of a class what it once had.
    return cast(TellsFacts, driver).facts() if hasattr(driver, "facts") else []


def problems_of(check: TargetCheck) -> list[str]:
    """What the driver finds wrong with the target; an error of its own is a problem like any other."""
    try:
        return driver_for(check.target).check()
    except SlipwayError as error:
        return [f"{error.message} {error.hint}".strip()]
    except Exception as error:
        log.exception("%s failed", check)
        return [f"The target could not be asked: {type(error).__name__}: {error}"]
