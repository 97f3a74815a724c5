"""Background work of deployments: each task fetches by id, calls one function and knows nothing else."""

from celery import shared_task


@shared_task(name="deployments.tasks.reconcile", soft_time_limit=30, time_limit=60)
def reconcile(service_id: int) -> None:
    from deployments.control.reconcile import reconcile as step  # late: the verbs ring this task

    step(service_id)


@shared_task(name="deployments.tasks.reconcile_due", soft_time_limit=30, time_limit=60)
def reconcile_due() -> None:
    from deployments.control.reconcile import reconcile_due as steps  # late: the verbs ring this task

    steps()


@shared_task(name="deployments.tasks.run_build")
def run_build(build_id: int) -> None:
    from deployments.builds import builds  # late: builds ring this task

    builds.run(build_id)
    builds.ring_due()


@shared_task(name="deployments.tasks.ring_due_builds", soft_time_limit=30, time_limit=60)
def ring_due_builds() -> None:
    from deployments.builds import builds  # late: builds ring this task

    builds.ring_due()
