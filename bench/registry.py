"""Search a large registry on SQLite and PostgreSQL through the real studio: `python bench/registry.py`.

Fills 20,000 models with 100,000 versions of five tags, asks the Models page and REST (Django's test client, then
granian over HTTP), and writes docs/benchmarks/registry.md with the query plans. SQLite lies in a folder of its own;
PostgreSQL is DATABASE_URL (an empty database), or a server of its own. Exits with 1 when a search exceeds its bar.
"""

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not this folder: its registry.py would hide the package of that name

import psutil  # noqa: E402

from bench.postgres import server  # noqa: E402
from bench.registry_searches import SEARCHES  # noqa: E402

REPORT = ROOT / "docs" / "benchmarks" / "registry.md"
DATABASES = ("SQLite", "PostgreSQL")
# Milliseconds (p95). REST counts every match exactly, which a page leaves to its panel.
LIMITS = {("SQLite", "page"): 150, ("SQLite", "REST"): 250, ("PostgreSQL", "page"): 100, ("PostgreSQL", "REST"): 200}


def main() -> int:
    options = _options()
    runs = {name: run(name, options) for name in options.databases.split(",")}
    report = render(runs, options)
    REPORT.write_text(report)
    print(report.split("## Plans")[0])
    slow = [
        f"{database}, {place}: {what} {p95:.0f} ms"
        for database, found in runs.items()
        for place, rows in found["tables"].items()
        for what, _, p95 in rows
        if p95 >= LIMITS[database, place.partition(",")[0]]
    ]
    for failure in slow:
        print("TOO MUCH:", failure)
    return 1 if slow else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=20_000)
    parser.add_argument("--versions", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--databases", default=",".join(DATABASES), help="in the order of measuring, with commas")
    return parser.parse_args()


def run(database: str, options: argparse.Namespace) -> dict:
    """What one database's process measured; the settings read the environment once, so that each needs its own."""
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    with contextlib.ExitStack() as stack:
        own = {
            "SLIPWAY_DATA": stack.enter_context(tempfile.TemporaryDirectory(prefix="slipway-bench-")),
            "DJANGO_SETTINGS_MODULE": "studio.settings",
        }
        if database == "PostgreSQL":
            own["DATABASE_URL"] = os.environ.get("DATABASE_URL") or stack.enter_context(server())
        amounts = [str(options.models), str(options.versions), str(options.rounds)]
        command = [sys.executable, "-m", "bench.registry_run", *amounts]
        done = subprocess.run(command, cwd=ROOT, env=kept | own, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def render(runs: dict[str, dict], options: argparse.Namespace) -> str:
    """The report as Markdown."""
    bars = ", ".join(
        f"{LIMITS[name, 'page']} ms for the page and {LIMITS[name, 'REST']} ms for REST on {name}" for name in runs
    )
    parts = [
        "# Searching a large registry",
        f"Made by `python bench/registry.py` on {datetime.now(UTC):%Y-%m-%d}; {options.rounds} rounds a search. Bars"
        f" for the p95: {bars}. REST counts every match.",
        _facts(runs, options),
        "Milliseconds, p50 / p95, of a whole answer: sign-in, search, count, rows, tags, services, template or JSON."
        " The page and REST each by Django's test client, and by granian over HTTP.",
        _table(runs),
        "## Plans",
        "The question that finds the models of a page and counts them to the end of its block of 250.",
    ]
    for database, found in runs.items():
        parts += [f"### {database}: {name}\n\n```\n{plan}\n```" for name, plan in found["plans"].items()]
    return "\n\n".join(parts) + "\n"


def _facts(runs: dict[str, dict], options: argparse.Namespace) -> str:
    facts = {
        "rows": f"{options.models:,} models, {options.versions:,} versions, {5 * options.versions:,} tags",
        "machine": f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total / 1e9:.0f} GB, {platform.platform()}",
        "Python": platform.python_version(),
    }
    facts |= {name: "; ".join(found["facts"].values()) for name, found in runs.items()}
    return "\n".join(f"- {name}: {value}" for name, value in facts.items())


def _table(runs: dict[str, dict]) -> str:
    columns = [(f"{name}, {place}", rows) for name, found in runs.items() for place, rows in found["tables"].items()]
    lines = [
        "| search | filter | " + " | ".join(title for title, _ in columns) + " |",
        "|---|---|" + "---|" * len(columns),
    ]
    for index, (name, search) in enumerate(SEARCHES.items()):
        asked = " ".join(f"{key}={value}" if key != "filter" else value for key, value in search(1).items())
        cells = [f"{rows[index][1]:.0f} / {rows[index][2]:.0f}" for _, rows in columns]
        lines.append(f"| {name} | `{asked or ' '}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
