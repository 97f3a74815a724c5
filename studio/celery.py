"""Background work: its queues (studio.core.queues), and a clock that finds what lost messages left behind."""

import os

from celery import Celery

from studio.workers.heartbeat import WorkerHeartbeat
from studio.workers.watchdog import Watchdog

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "studio.settings")

app = Celery("slipway")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(WorkerHeartbeat)
app.steps["worker"].add(Watchdog)
# A tick that has waited longer than its period is dropped: the next one does the same.
app.conf.beat_schedule = {
    "reconcile-due-services": {
        "task": "deployments.tasks.reconcile_due",
        "schedule": 2.0,
        "options": {"expires": 2},
    },
    "judge-rollouts": {"task": "deployments.tasks.judge_rollouts", "schedule": 5.0, "options": {"expires": 5}},
    "advance-devices": {"task": "deployments.tasks.advance_devices", "schedule": 5.0, "options": {"expires": 5}},
    "scale": {"task": "deployments.tasks.scale", "schedule": 5.0, "options": {"expires": 5}},
    "sweep-isolated-runs": {
        "task": "deployments.tasks.sweep_isolated_runs",
        "schedule": 10.0,
        "options": {"expires": 10},
    },
    "write-routing": {"task": "deployments.tasks.write_routing", "schedule": 30.0, "options": {"expires": 30}},
    "enqueue-due-jobs": {"task": "studio.core.tasks.enqueue_due_jobs", "schedule": 5.0, "options": {"expires": 5}},
    "collect-daily": {"task": "deployments.tasks.collect_daily", "schedule": 600.0, "options": {"expires": 600}},
    "request-scrub": {"task": "registry.tasks.request_scrub", "schedule": 600.0, "options": {"expires": 600}},
    "keep-statistics": {"task": "studio.core.tasks.keep_statistics", "schedule": 300.0, "options": {"expires": 300}},
    "take-spooled-telemetry": {"task": "monitoring.tasks.take_spooled", "schedule": 5.0, "options": {"expires": 5}},
    "roll-up-windows": {"task": "monitoring.tasks.roll_up", "schedule": 60.0, "options": {"expires": 60}},
}
