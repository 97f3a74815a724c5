"""What a reconcile pass over settled services costs: `python bench/reconcile.py --against CHECKOUT`.

Visits every one of 1,000 settled services on the fake target of the tests, in this checkout and in another one (with
its own `.venv`), in turns. Prints processor time and queries per visit, and the ratio of the medians; exits with 1 when
the ratio exceeds its bar.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BAR = 1.0  # of the other checkout's processor time


def main() -> int:
    options = _options()
    checkouts = {"this checkout": ROOT}
    if options.against:
        checkouts["the other one"] = Path(options.against).resolve()
    found: dict[str, list[dict[str, float]]] = {name: [] for name in checkouts}
    for _ in range(options.rounds):
        for name, folder in checkouts.items():
            found[name].append(run(folder, options.services))
    medians = {name: statistics.median(one["seconds"] for one in rounds) for name, rounds in found.items()}
    for name, rounds in found.items():
        each = medians[name] / options.services * 1e3
        print(f"{name}: {each:.2f} ms of processor time and {rounds[0]['queries']} queries a visit")
    if not options.against:
        return 0
    ratio = medians["this checkout"] / medians["the other one"]
    print(f"ratio {ratio:.2f}, bar {BAR}")
    return int(ratio > BAR)


def run(folder: Path, services: int) -> dict[str, float]:
    program = Path(__file__).with_name("reconcile_pass.py")
    python = folder / ".venv" / "bin" / "python"
    done = subprocess.run(
        [str(python), str(program), str(services)], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{folder}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", help="another checkout to compare with")
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
