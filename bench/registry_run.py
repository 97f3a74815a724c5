"""One database's part of bench/registry.py, in a process of its own: `python -m bench.registry_run OPTIONS`.

Fills the database that DATABASE_URL names (SQLite in SLIPWAY_DATA without it), measures, and prints JSON at the end.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx

from bench.postgres import free_port
from bench.registry_searches import PLANS, SEARCHES

ROOT = Path(__file__).resolve().parents[1]
Row = tuple[str, float, float]  # what, p50, p95, in milliseconds


def main(models: int, versions: int, rounds: int) -> None:
    facts = prepare(models, versions)
    tables = measure_all(rounds)
    plans = {name: plan_of(SEARCHES[name](1)) for name in PLANS}
    print(json.dumps({"facts": facts, "tables": tables, "plans": plans}))


def prepare(models: int, versions: int) -> dict[str, str]:
    """Tables, a person, rows. Refuses a database that somebody works in."""
    from django.core.management import call_command

    import studio.wsgi  # noqa: F401 - only now: the settings read the environment. Set up as the web process is
    from bench.registry_rows import fill
    from studio.accounts.models import User, Workspace
    from studio.assets.collect import collect_if_changed

    collect_if_changed()
    call_command("migrate", verbosity=0)
    if Workspace.objects.exclude(slug="default").exists():
        raise SystemExit("DATABASE_URL names a database that is in use; give an empty one.")
    admin = User.objects.create_superuser("bench", password=None)
    workspace = Workspace.objects.create(slug="bench", name="Bench")
    started = time.perf_counter()
    fill(workspace.pk, admin.pk, models, versions)
    engine, size = engine_and_size()
    return {
        "database": engine + ", its default configuration",
        "size": f"{size / 2**20:.0f} MiB",
        "filled": f"filled in {time.perf_counter() - started:.0f} s",
        "load": f"load average {os.getloadavg()[0]:.1f} when measuring began",
    }


def engine_and_size() -> tuple[str, int]:
    """The database's name and version, and its bytes."""
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT 'SQLite ' || sqlite_version(), page_count * page_size"
                           " FROM pragma_page_count(), pragma_page_size()")  # fmt: skip
        else:
            cursor.execute("SELECT version(), pg_database_size(current_database())")
        engine, size = cursor.fetchone()
    return engine.split(",")[0], size


def measure_all(rounds: int) -> dict[str, list[Row]]:
    """Milliseconds by place, search by search."""
    from django.test import Client

    from studio.accounts.models import User

    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username="bench"))
    page, rest = "/w/bench/models/", "/api/v1/workspaces/bench/models"
    tables = {
        "page, test client": measure(client.get, page, rounds),
        "REST, test client": measure(client.get, rest, rounds),
    }
    cookies = {name: cookie.value for name, cookie in client.cookies.items()}
    with granian() as address, httpx.Client(base_url=address, cookies=cookies, timeout=60) as browser:
        tables["page, granian"] = measure(browser.get, page, rounds)
        tables["REST, granian"] = measure(browser.get, rest, rounds)
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
        print(f"{path:34} {name:26} p50 {rows[-1][1]:6.1f} ms   p95 {rows[-1][2]:6.1f} ms", file=sys.stderr, flush=True)
    return rows


@contextlib.contextmanager
def granian() -> Iterator[str]:
    """The web server as `make run` starts it."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "asginl", "--http", "1", "--workers", "1"]
    command += ["--port", str(port), "--log-level", "error", "studio.asgi:application"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=sys.stderr)
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
    """How the database answers the question that finds a page's models."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from registry.search.result_pages import page_of_models
    from studio.accounts.models import Workspace

    workspace = Workspace.objects.get(slug="bench")
    with CaptureQueriesContext(connection) as seen:
        page_of_models(workspace, search.get("filter", ""), search.get("sort", ""), search.get("page", 1))
    asked = seen.captured_queries[0]["sql"]
    explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN (ANALYZE, BUFFERS)"
    with connection.cursor() as cursor:
        cursor.execute(f"{explain} {asked.replace('%', '%%')}", [])
        lines = [str(row[-1]) for row in cursor.fetchall()]
    return asked + "\n\n" + "\n".join(lines)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
