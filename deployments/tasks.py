"""Background work of deployments: what runs its jobs, and the steps of the reconcile loop."""

from celery import shared_task

from deployments.builds import builds
from deployments.builds.job_files import remove_old_files
from deployments.collection import collect
from deployments.control import advance as service_step
from deployments.control import reconcile as loop
from deployments.control import scale as scaling
from deployments.edge import device_rollouts, exports, sweeping
from deployments.isolated_runs import runs
from deployments.models import Build, Collection, EdgeExport, Package, TargetCheck
from deployments.packages import packages
from deployments.rollouts import judge
from deployments.services import key_use, outcomes, target_checks
from deployments.traffic import routing_file
from studio.core.job_catalogue import register_runner

register_runner(Build, builds.run, on_give_up=builds.fail_after_max_attempts)
register_runner(Collection, collect.run)
register_runner(EdgeExport, exports.run)
register_runner(Package, packages.run)
register_runner(TargetCheck, target_checks.run)


@shared_task(name="deployments.tasks.reconcile", soft_time_limit=30, time_limit=60)
def reconcile(instance_id: int) -> None:
    loop.reconcile(instance_id)


@shared_task(name="deployments.tasks.reconcile_if_due", soft_time_limit=30, time_limit=60)
def reconcile_if_due(instance_id: int) -> None:
    loop.reconcile(instance_id, if_due=True)


@shared_task(name="deployments.tasks.advance", soft_time_limit=30, time_limit=60)
def advance(service_id: int) -> None:
    service_step.advance(service_id)


@shared_task(name="deployments.tasks.reconcile_due", soft_time_limit=30, time_limit=60)
def reconcile_due() -> None:
    loop.reconcile_due()


@shared_task(name="deployments.tasks.collect_daily", soft_time_limit=30, time_limit=60)
def collect_daily() -> None:
    collect.collect_daily()
    key_use.forget_old_use()
    outcomes.forget_old_outcomes()
    sweeping.remove_unused_parts()
    for kind in (EdgeExport, Package):
        remove_old_files(kind)


@shared_task(name="deployments.tasks.scale", soft_time_limit=30, time_limit=60)
def scale() -> None:
    scaling.scale()


@shared_task(name="deployments.tasks.write_routing", soft_time_limit=30, time_limit=60)
def write_routing() -> None:
    routing_file.write_routing()


@shared_task(name="deployments.tasks.judge_rollouts", soft_time_limit=30, time_limit=60)
def judge_rollouts() -> None:
    judge.judge_all()


@shared_task(name="deployments.tasks.advance_devices", soft_time_limit=30, time_limit=60)
def advance_devices() -> None:
    device_rollouts.advance_device_rollouts()


@shared_task(name="deployments.tasks.sweep_isolated_runs", soft_time_limit=50, time_limit=60)
def sweep_isolated_runs() -> None:
    runs.sweep()
