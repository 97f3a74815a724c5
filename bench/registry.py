"""Search a large registry on PostgreSQL through the real studio: `python bench/registry.py`.

Fills 20,000 models with 100,000 versions of five tags, asks the Models page and REST (Django's test client, then
granian over HTTP), and writes docs/benchmarks/registry.md with the query plans. Uses DATABASE_URL (an empty database)
or starts a PostgreSQL of its own. Exits with 1 when a search takes 100 ms or more (p95). REST, which counts
every match, may take 200 ms.
"""

import argparse
import contextlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not this folder: its registry.py would hide the package of that name

import httpx  # noqa: E402
import psutil  # noqa: E402

from bench.postgres import free_port, server  # noqa: E402

REPORT = ROOT / "docs" / "benchmarks" / "registry.md"
LIMIT_MS = 100
REST_LIMIT_MS = 200  # REST counts every match exactly, which a page leaves to its panel

# Name, and the query of round n: rare things differ from round to round, as people look for different ones.
SEARCHES: dict[str, Callable[[int], dict[str, str]]] = {
    "everything": lambda n: {},
    "rare tag": lambda n: {"filter": f"dataset=dataset-{n}"},
    "common tag": lambda n: {"filter": "area=vision"},
    "common tag, by name": lambda n: {"filter": "area=vision", "sort": "name"},
    "two common tags": lambda n: {"filter": "area=vision,stage=prod"},
    "tag and framework": lambda n: {"filter": "area=text,framework=onnx"},
    "common and rare tag": lambda n: {"filter": f"area=vision,team=team-{n}"},
    "OR of tags": lambda n: {"filter": "area=vision OR area=text"},
    "OR of groups": lambda n: {"filter": f"area=vision,framework=onnx OR team=team-{n}"},
    "not a tag": lambda n: {"filter": "stage!=draft"},
    "tag present": lambda n: {"filter": "area=*"},
    "beginning of a value": lambda n: {"filter": f"owner=person-{n}*"},
    "rare word": lambda n: {"filter": "zebrafish"},
    "common word": lambda n: {"filter": "baral"},
    "two letters": lambda n: {"filter": "zb"},
    "name:version": lambda n: {"filter": "baral-baral-0:1"},
    "newest versions of a tag": lambda n: {"filter": "is:latest,area=vision"},
    "nothing found": lambda n: {"filter": f"area=none-{n}"},
    "deep page": lambda n: {"filter": "area=vision", "page": str(300 + n % 20)},
}
PLANS = ("rare tag", "common tag", "two common tags", "OR of groups", "not a tag", "rare word", "deep page")
Row = tuple[str, float, float]  # what, p50, p95, in milliseconds


def main() -> int:
    options = _options()
    with contextlib.ExitStack() as stack:
        if "DATABASE_URL" not in os.environ:
            os.environ["DATABASE_URL"] = stack.enter_context(server())
        os.environ["SLIPWAY_DATA"] = stack.enter_context(tempfile.TemporaryDirectory(prefix="slipway-bench-"))
        os.environ["DJANGO_SETTINGS_MODULE"] = "studio.settings"
        facts = prepare(options.models, options.versions)
        tables = measure_all(options.rounds)
        plans = {name: plan_of(SEARCHES[name](1)) for name in PLANS}
    report = render(facts, tables, plans, options.rounds)
    REPORT.write_text(report)
    print(report.split("## Plans")[0])
    slow = [
        f"{place}: {what} {p95:.0f} ms"
        for place, rows in tables.items()
        for what, _, p95 in rows
        if p95 >= limit(place)
    ]
    for failure in slow:
        print("TOO MUCH:", failure)
    return 1 if slow else 0


def limit(place: str) -> int:
    return REST_LIMIT_MS if place.startswith("REST") else LIMIT_MS


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=int, default=20_000)
    parser.add_argument("--versions", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=40)
    return parser.parse_args()


def prepare(models: int, versions: int) -> dict[str, str]:
    """Tables, a person, rows. Refuses a database that somebody works in."""
    from django.core.management import call_command
    from django.db import connection

    import studio.wsgi  # noqa: F401 - only now: the settings read the environment. Set up as the web process is
    from bench.registry_rows import fill
    from studio.accounts.models import User, Workspace

    call_command("migrate", verbosity=0)
    if Workspace.objects.exclude(slug="default").exists():
        raise SystemExit("DATABASE_URL names a database that is in use; give an empty one.")
    admin = User.objects.create_superuser("bench", password=None)
    workspace = Workspace.objects.create(slug="bench", name="Bench")
    started = time.perf_counter()
    fill(workspace.pk, admin.pk, models, versions)
    with connection.cursor() as cursor:
        cursor.execute("SELECT version(), pg_size_pretty(pg_database_size(current_database()))")
        engine, size = cursor.fetchone()
    return {
        "rows": f"{models:,} models, {versions:,} versions, {5 * versions:,} tags; {size}",
        "filled in": f"{time.perf_counter() - started:.0f} s",
        "database": engine.split(",")[0] + ", its default configuration",
        "machine": f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total / 1e9:.0f} GB, {platform.platform()}",
        "load average when it began": f"{os.getloadavg()[0]:.1f} (on a busy machine everything takes longer)",
        "Python": platform.python_version(),
    }


def measure_all(rounds: int) -> dict[str, list[Row]]:
    """Milliseconds by place, search by search."""
    from django.test import Client

    from studio.accounts.models import User

    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username="bench"))
    page, rest = "/w/bench/models/", "/api/v1/workspaces/bench/models"
    tables = {
        "Models page, Django's test client": measure(client.get, page, rounds),
        "REST, Django's test client": measure(client.get, rest, rounds),
    }
    cookies = {name: cookie.value for name, cookie in client.cookies.items()}
    with granian() as address, httpx.Client(base_url=address, cookies=cookies, timeout=60) as browser:
        tables["Models page, granian over HTTP"] = measure(browser.get, page, rounds)
        tables["REST, granian over HTTP"] = measure(browser.get, rest, rounds)
    return tables


def measure(get: Callable, path: str, rounds: int) -> list[Row]:
    """p50 and p95 of each search; the first two rounds warm up and do not count."""
    rows = []
    for name, search in SEARCHES.items():
        taken = []
        for number in range(rounds + 2):
            address = f"{path}?{urlencode(search(number))}"
            started = time.perf_counter()
            answer = get(address)
            taken.append(1000 * (time.perf_counter() - started))
            if answer.status_code != 200:
                raise SystemExit(f"{address} answered {answer.status_code}")
        cuts = statistics.quantiles(taken[2:], n=20)
        rows.append((name, statistics.median(taken[2:]), cuts[18]))
        print(f"{path:40} {name:26} p50 {rows[-1][1]:6.1f} ms   p95 {rows[-1][2]:6.1f} ms", flush=True)
    return rows


@contextlib.contextmanager
def granian() -> Iterator[str]:
    """The web server as `make run` starts it."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--http", "1", "--workers", "1"]
    command += ["--blocking-threads", "8", "--port", str(port), "--log-level", "error", "studio.wsgi:application"]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        for _ in range(300):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://localhost:{port}/sign-in/").status_code == 200:
                    break
            time.sleep(0.1)
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(30)


def plan_of(search: dict[str, str]) -> str:
    """EXPLAIN (ANALYZE, BUFFERS) of the question that finds a page's models."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from registry.found_models import page_of_models
    from studio.accounts.models import Workspace

    workspace = Workspace.objects.get(slug="bench")
    with CaptureQueriesContext(
        connection,
    ) as seen:
        page_of_models(workspace, search.get("filter", ""), search.get("sort", ""), search.get("page", 1))
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + seen.captured_queries[0]["sql"].replace("%", "%%"), [])
        lines = [line for (line,) in cursor.fetchall()]
    return seen.captured_queries[0]["sql"] + "\n\n" + "\n".join(lines)


def render(facts: dict[str, str], tables: dict[str, list[Row]], plans: dict[str, str], rounds: int) -> str:
    """The report as Markdown."""
    places = list(tables)
    parts = [
        "# Searching a large registry",
        f"Made by `python bench/registry.py` on {datetime.now(UTC):%Y-%m-%d}; {rounds} rounds a search;"
        f" the bar is a p95 below {LIMIT_MS} ms for the page, {REST_LIMIT_MS} ms for REST, which counts every match.",
        "\n".join(f"- {name}: {value}" for name, value in facts.items()),
        "Milliseconds, p50 / p95, of a whole answer: sign-in, search, count, rows, tags, services, template or JSON.",
        "| search | filter | " + " | ".join(places) + " |\n|---|---|" + "---|" * len(places),
    ]
    for index, (name, search) in enumerate(SEARCHES.items()):
        cells = [f"{tables[place][index][1]:.0f} / {tables[place][index][2]:.0f}" for place in places]
        asked = " ".join(f"{key}={value}" if key != "filter" else value for key, value in search(1).items())
        parts[-1] += f"\n| {name} | `{asked or ' '}` | " + " | ".join(cells) + " |"
    parts += [
        "## Plans",
        "The question that finds the models of a page and counts them to the end of its block of 250.",
    ]
    parts += [f"### {name}\n\n```\n{plan}\n```" for name, plan in plans.items()]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
