"""How often rollouts go wrong, simulated with seeds: `python bench/rollouts.py [--write docs/benchmarks/rollouts.md]`.

Equal revisions through calm, outages of both, bursts of one client's errors and cold caches, and bad ones; no service
runs. Exits with 1 when a bar is missed. Takes a few minutes.
"""

import argparse
import statistics
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from deployments.rollouts.steps import Plan  # noqa: E402
from tests.deployments.rollouts.simulated_traffic import (  # noqa: E402
    PAST_CELLS,
    Ended,
    Traffic,
    World,
    roll_out,
    steps,
)

ROLLOUTS = 200
MOST_ROLLED_BACK = 2.0  # per cent of equal revisions
PLAN = Plan(steps(300, 5, 25, 50))
WORLDS = {
    "calm": World(0),
    "outages of both": World(0, outages=True),
    "bursts of errors": World(0, bursts=True),
    "cold caches": World(0, cold=True),
    "all together": World(0, outages=True, bursts=True, cold=True),
}
RATES = (10, 100)
BAKE = Plan(steps(60, 25, 100))
BAD = {"5 % errors": World(200, more_errors=0.045), "twice the time in the model": World(200, slower=2)}
INTRO = """# Rollouts that go wrong

Made by `python bench/rollouts.py`: simulated requests, {rollouts} seeded rollouts a cell, no service runs. Base error
rate 0.5 %; the rate of requests wanders (AR(1), standard deviation 0.3); time in the model lognormal around 20 ms.
*Outages*: both revisions at 20 % errors for 20 s every five minutes. *Bursts*: half of the errors come ten at a time.
*Cold*: the first 200 requests take up to three times as long. Guards: error rate (1.25x and 0.2 points), p95 of the
time in the model (1.25x and 2 ms).
"""


@dataclass(frozen=True)
class Row:
    """Of one world at one rate, in per cent of the rollouts."""

    world: str
    rate: float
    phases: Counter[str]
    naive: float
    seconds: float

    @property
    def rolled_back(self) -> float:
        return 100 * self.phases["rolled_back"] / self.phases.total()


def equal(name: str, rate: float) -> Row:
    """Rollouts to a revision that is no worse."""
    world = replace(WORLDS[name], rate=rate)
    ended = [roll_out(world, PLAN, seed) for seed in range(ROLLOUTS)]
    naive = statistics.mean(naive_rolls_back(world, seed) for seed in range(ROLLOUTS))
    return Row(name, rate, Counter(one.phase for one in ended), 100 * naive, _median(ended))


def naive_rolls_back(world: World, seed: int) -> bool:
    """Whether "error rate of the last 30 s more than twice the control's, and 5 errors" fires in the first 15 min."""
    traffic = Traffic(world, seed)
    last = [traffic.next_cell(0) for _ in range(PAST_CELLS)][-6:]
    for number in range(180):
        last = [*last[1:], traffic.next_cell(PLAN.steps[number // 60].percent / 100)]
        bad, requests = sum(one.candidate.failed for one in last), sum(one.candidate.requests for one in last)
        control_bad, control = sum(one.control.failed for one in last), sum(one.control.requests for one in last)
        if bad >= 5 and bad * control > 2 * control_bad * requests:
            return True
    return False


def _median(ended: list[Ended]) -> float:
    return statistics.median(one.seconds for one in ended)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    rows = [equal(name, rate) for rate in RATES for name in WORLDS]
    bad = {name: [roll_out(world, BAKE, seed) for seed in range(ROLLOUTS)] for name, world in BAD.items()}
    text = INTRO.format(rollouts=ROLLOUTS) + _equal_table(rows) + _bad_table(bad)
    print(text)
    if args.write:
        args.write.write_text(text)
    missed = any(row.rolled_back > MOST_ROLLED_BACK for row in rows)
    missed |= any(one.phase != "rolled_back" or one.seconds > 60 for ended in bad.values() for one in ended)
    return int(missed)


def _equal_table(rows: list[Row]) -> str:
    head = (
        f"\n## Equal revisions, 5 → 25 → 50 % of 300 s each\n\nThe bar: at most {MOST_ROLLED_BACK:g} % rolled back. "
        "The naive rule rolls back when the error rate of the last 30 s\nis more than twice the control's, from 5 "
        "errors on. Held: not enough data in three times the bake.\n\n"
        "| requests/s | world | rolled back | naive rule | done | held | median seconds |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(
        f"| {row.rate} | {row.world} | {row.rolled_back:.1f} % | {row.naive:.0f} % | "
        f"{100 * row.phases['done'] / row.phases.total():.0f} % | {100 * row.phases['held'] / row.phases.total():.0f} %"
        f" | {row.seconds:.0f} |\n"
        for row in rows
    )


def _bad_table(bad: dict[str, list[Ended]]) -> str:
    head = (
        "\n## Bad revisions, 200 requests/s, a step of 25 % for 60 s\n\nThe bar: all rolled back within the bake.\n\n"
        "| revision | rolled back | median seconds | slowest | for example |\n|---|---|---|---|---|\n"
    )
    return head + "".join(
        f"| {name} | {100 * sum(one.phase == 'rolled_back' for one in ended) / len(ended):.1f} % | "
        f"{_median(ended):.0f} | {max(one.seconds for one in ended)} | {ended[0].finding} |\n"
        for name, ended in bad.items()
    )


if __name__ == "__main__":
    sys.exit(main())
