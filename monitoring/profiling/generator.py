"""Running the load generator from the studio: a process of its own, its messages as they come."""

import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from monitoring.errors import LoadFailed
from monitoring.profiling.messages import Failed, Message, Plan, Repeat, Second

ROOT = Path(__file__).resolve().parents[2]
SPARE_SECONDS = 30.0  # beyond what a plan takes: starting, reading bodies
STOP_SECONDS = 5.0

OnSecond = Callable[[Second], None]
KeepGoing = Callable[[list[Repeat]], bool]


def run_load(
    plan: Plan, *, on_second: OnSecond = lambda _: None, keep_going: KeepGoing = lambda _: True
) -> list[Repeat]:
    """Put the plan's load on its address; gives its repeats in their order.

    `on_second` is called about once a second; what it raises ends the load (a cancel). `keep_going` is asked after
    each repeat; False ends the load with the repeats that there are. LoadFailed if the generator gives up.
    """
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "monitoring.profiling.load"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        timer = threading.Timer(longest(plan), process.kill)
        timer.daemon = True
        timer.start()
        try:
            repeats = _listen(process, plan, on_second, keep_going)
            if process.wait(STOP_SECONDS + plan.timeout_seconds) and not repeats:
                log.seek(0)
                raise LoadFailed(
                    "The load generator ended without a result.", evidence=log.read()[-4000:].decode(errors="replace")
                )
        finally:
            timer.cancel()
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe:
                    pipe.close()
    return sorted(repeats, key=lambda repeat: repeat.number)


def longest(plan: Plan) -> float:
    """Seconds after which a run of the plan must have ended."""
    counted = plan.warm_up_seconds + plan.repeats * plan.repeat_seconds
    return counted + 2 * plan.timeout_seconds + SPARE_SECONDS


def _listen(process: subprocess.Popen[bytes], plan: Plan, on_second: OnSecond, keep_going: KeepGoing) -> list[Repeat]:
    assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - they are pipes
    repeats: list[Repeat] = []
    _say(process, msgspec.json.encode(plan))
    for line in process.stdout:
        message: Message = msgspec.json.decode(line, type=Message)
        if isinstance(message, Failed):
            raise LoadFailed(message.message, hint=message.hint, code=message.code, evidence=message.example)
        if isinstance(message, Second):
            on_second(message)
            continue
        repeats.append(message)
        if not keep_going(repeats):
            _say(process, b"stop")
            break
    return repeats


def _say(process: subprocess.Popen[bytes], line: bytes) -> None:
    try:
        process.stdin.write(line + b"\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
    except BrokenPipeError:
        return  # it has ended, and said why
