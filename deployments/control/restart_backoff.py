"""Pure: when is a replica that ended started again?"""

from deployments import causes
from deployments.targets.observation import Replica

LOOP = 5  # crashes in a row after which a replica counts as failed
SLOW_RETRY_SECONDS = 300.0  # a failed replica whose trouble may pass is tried once in a while


def is_permanent(replica: Replica) -> bool:
    return replica.failure is not None and causes.is_permanent(replica.failure.reason)


def is_looping(replica: Replica) -> bool:
    """It has crashed `LOOP` times without a quiet stretch between."""
    return replica.restarts_in_a_row >= LOOP


def has_failed(replica: Replica, *, others_run: bool) -> bool:
    """Nobody expects it to be ready soon. Where another replica of the same revision is ready, no failure is for good:
    the revision can run."""
    return is_looping(replica) or (not others_run and replica.state == "failed" and is_permanent(replica))


def seconds_to_next_start(replica: Replica, now: float, *, others_run: bool = False) -> float | None:
    """How long to wait before starting what has ended: 0 at the first two crashes, then 1, 2, 4 seconds, then
    `SLOW_RETRY_SECONDS`. None: never by itself. `now` is epoch seconds, `others_run` as in `has_failed`."""
    if replica.state not in {"failed", "dead"}:
        return 0.0
    if is_permanent(replica) and not others_run:
        return None
    crashes = replica.restarts_in_a_row
    pause = SLOW_RETRY_SECONDS if crashes >= LOOP else (0.0 if crashes < 2 else 2.0 ** (crashes - 2))
    return max(0.0, (replica.ended_at or 0.0) + pause - now)
