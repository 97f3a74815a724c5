"""Pure: when is a service that ended started again?"""

from deployments.targets.base import Observation

# Starting again cannot help until somebody changes the code, the environment, the model or the config.
PERMANENT = frozenset(
    {"script_missing", "script_invalid", "import_missing", "init_failed", "model_invalid", "start_timeout"}
)
LOOP = 5  # crashes in a row after which a service counts as failed
STABLE_SECONDS = 60.0  # ready for so long, and the next crash counts as the first
SLOW_RETRY_SECONDS = 300.0  # a failed service whose trouble may pass is tried once in a while


def is_permanent(observation: Observation) -> bool:
    return observation.failure is not None and observation.failure.reason in PERMANENT


def is_looping(observation: Observation) -> bool:
    """It has crashed `LOOP` times without a quiet stretch between."""
    return restarts_in_a_row(observation) >= LOOP


def restarts_in_a_row(observation: Observation) -> int:
    """Restarts that count; a run that was ready for `STABLE_SECONDS` wipes the slate."""
    if observation.ready_at and observation.ended_at and observation.ended_at - observation.ready_at >= STABLE_SECONDS:
        return 0
    return observation.restarts


def seconds_to_next_start(observation: Observation, now: float) -> float | None:
    """How long to wait before starting what has ended: 0 at the first crash, then 1, 2, 4, 8 seconds, then
    `SLOW_RETRY_SECONDS`. None: never by itself. `now` is epoch seconds."""
    if observation.state not in {"failed", "dead"}:
        return 0.0
    if is_permanent(observation):
        return None
    crashes = restarts_in_a_row(observation)
    pause = SLOW_RETRY_SECONDS if crashes >= LOOP else (0.0 if crashes == 0 else float(2 ** (crashes - 1)))
    return max(0.0, (observation.ended_at or 0.0) + pause - now)
