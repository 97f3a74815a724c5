"""The load generator, a program of its own: `python -m monitoring.profiling.load < plan.json`.

It reads a `Plan` from standard input and writes messages (`messages`), one a line: a `Second` each second, a `Repeat`
when all requests of it have ended, a `Failed` if it has to give up (then it ends with 2). A line `stop` on standard
input ends it early. It knows neither Django nor the studio, so that it starts quickly and its loop has no company.
"""

import csv
import os
import resource
import sys

import msgspec
import uvloop

from monitoring.profiling.bodies import MOST_BYTES
from monitoring.profiling.messages import Failed, Plan
from monitoring.profiling.problems import Unusable
from monitoring.profiling.run import STOP, Run, tell

SPARE_FILES = 64


def main() -> int:
    """Run the plan on standard input."""
    try:
        line, rest = _first_line()
        plan = _plan(line)
        _raise_file_limit(plan)
        csv.field_size_limit(MOST_BYTES)  # of this process alone: a body may be larger than csv expects
        uvloop.run(Run(plan, stopped=STOP in rest).run())
    except Unusable as problem:
        tell(Failed(code=problem.code, message=str(problem), hint=problem.hint, example=problem.example))
        return 2
    except BrokenPipeError:  # nobody listens any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _first_line() -> tuple[bytes, bytes]:
    """The first line of standard input, and what came with it: nothing stays behind in a buffer."""
    read = b""
    while b"\n" not in read:
        more = os.read(sys.stdin.fileno(), 1 << 20)
        if not more:
            break
        read += more
    line, _, rest = read.partition(b"\n")
    return line, rest


def _plan(line: bytes) -> Plan:
    try:
        plan = msgspec.json.decode(line, type=Plan)
    except msgspec.MsgspecError as problem:
        raise Unusable("plan_bad", f"The plan cannot be read: {problem}.") from None
    check(plan)
    return plan


def check(plan: Plan) -> None:
    """Unusable if numbers of the plan do not go together."""
    if (plan.connections is None) == (plan.rate is None):
        raise Unusable("plan_bad", "A load has either a number of connections or a rate.", "Give one of them.")
    ranges = {
        "connections": (plan.connections, 1, 10_000),
        "rate": (plan.rate, 0.001, 1_000_000),
        "warm_up_seconds": (plan.warm_up_seconds, 0, 3600),
        "repeat_seconds": (plan.repeat_seconds, 0.05, 3600),
        "repeat_requests": (plan.repeat_requests, 1, 10**9),
        "repeats": (plan.repeats, 1, 1000),
        "timeout_seconds": (plan.timeout_seconds, 0.001, 3600),
        "most_connections": (plan.most_connections, 1, 60_000),
    }
    for name, (value, low, high) in ranges.items():
        if value is not None and not low <= value <= high:
            raise Unusable("plan_bad", f"{name} is {value:g}; it can be from {low:g} to {high:g}.")


def _raise_file_limit(plan: Plan) -> None:
    """As many connections as the plan may need, if the system allows so many open files."""
    wanted = (plan.connections or plan.most_connections) + SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if plan.connections and allowed < wanted:
        raise Unusable(
            "files_limited",
            f"{plan.connections} connections need more open files than the {hard} that this system allows.",
            "Use fewer connections, or raise the limit (ulimit -n).",
        )


if __name__ == "__main__":
    sys.exit(main())
