"""Pure: when is a service that ended started again?"""

from deployments import causes
from deployments.targets.base import Observation

LOOP = 5  # crashes in a row after which a service counts as failed
SLOW_RETRY_SECONDS = 300.0  # a failed service whose trouble may pass is tried once in a while


def is_permanent(observation: Observation) -> bool:
    return observation.failure is not None and causes.is_permanent(observation.failure.reason)


def is_looping(observation: Observation) -> bool:
    """It has crashed `LOOP` times without a quiet stretch between."""
    return observation.restarts_in_a_row >= LOOP


def seconds_to_next_start(observation: Observation, now: float) -> float | None:
    """How long to wait before starting what has ended: 0 at the first two crashes, then 1, 2, 4 seconds, then
    `SLOW_RETRY_SECONDS`. None: never by itself. `now` is epoch seconds."""
    if observation.state not in {"failed", "dead"}:
        return 0.0
    if is_permanent(observation):
        return None
    crashes = observation.restarts_in_a_row
    pause = SLOW_RETRY_SECONDS if crashes >= LOOP else (0.0 if crashes < 2 else 2.0 ** (crashes - 2))
    return max(0.0, (observation.ended_at or 0.0) + pause - now)
