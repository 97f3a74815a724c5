"""Background work of the registry: what runs its jobs."""

from registry.inspection import inspections
from registry.models import Inspection
from studio.core.job_catalogue import register_runner

register_runner(Inspection, inspections.inspect, on_give_up=inspections.reject_after_max_attempts)
