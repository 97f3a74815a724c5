"""What runs the jobs of the activity app."""

from studio.activity import outbox
from studio.activity.models import OutboxEntry
from studio.core.job_catalogue import register_runner

register_runner(OutboxEntry, outbox.deliver, on_give_up=outbox.enqueue_successor)
