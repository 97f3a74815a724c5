"""One large file in chunks, from its first byte to a ready version, beside a checkout of the last build.

`python bench/uploads.py --against ../last-build` runs the studios of both checkouts (each with its own .venv,
`make setup` makes it) and sends each the same amount of bytes over REST, in turns. Writes docs/benchmarks/uploads.md.
Exits with 1 when the median time from the first byte to *ready* is more than 0.6x of the last build's.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import psutil  # noqa: E402

from bench.registrations import Api, studio  # noqa: E402

REPORT = ROOT / "docs" / "benchmarks" / "uploads.md"
RATIO = 0.6
PATIENCE_SECONDS = 300.0
MB = 1000**2


@dataclass(frozen=True)
class Measured:
    """Seconds of one upload: sending its chunks, completing it, and from the registration to *ready*."""

    sent: float
    completed: float
    ready: float

    @property
    def total(self) -> float:
        return self.sent + self.completed + self.ready


def main() -> int:
    arguments = read_arguments()
    checkouts = {"last build": arguments.against.resolve(), "this build": ROOT}
    found: dict[str, list[Measured]] = {name: [] for name in checkouts}
    with ExitStack() as stack:
        apis = {}
        for name, checkout in checkouts.items():
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slipway-bench-", dir=arguments.folder)))
            apis[name] = Api(stack.enter_context(studio(checkout, data)))
            upload(apis[name], 16 * MB)  # what is imported with the first upload does not count
        for _ in range(arguments.rounds):
            for name, api in apis.items():
                found[name].append(upload(api, arguments.megabytes * MB))
                print(f"{name}: {found[name][-1]}", file=sys.stderr, flush=True)
    report = render(found, arguments)
    print(report)
    arguments.report.write_text(report)
    return 0 if ratio(found) <= RATIO else 1


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, required=True, help="a checkout of the last build, with its .venv")
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=None, help="where the studios' data folders are made")
    parser.add_argument("--report", type=Path, default=REPORT)
    return parser.parse_args()


def upload(api: Api, size: int) -> Measured:
    """Send a file that is like no other, register it, wait until it is ready."""
    facts = api.ask("POST", "uploads", json={"path": "weights.bin", "size": size})
    place = f"uploads/{facts['id']}"
    began = time.monotonic()
    offset = 0
    for chunk in chunks(size, facts["chunk_bytes"]):
        api.ask("PUT", f"{place}?offset={offset}", content=chunk)
        offset += len(chunk)
    sent = time.monotonic()
    api.ask("POST", f"{place}/complete", json={})
    completed = time.monotonic()
    version = api.ask("POST", "versions", json={"name": "large", "files": [facts["id"]]})["id"]
    api.wait(f"versions/{version}", {"ready"}, PATIENCE_SECONDS)
    return Measured(sent - began, completed - sent, time.monotonic() - completed)


def chunks(size: int, most: int) -> Iterator[bytes]:
    """`size` bytes in chunks of at most `most`; each begins with random bytes, so that no two files are equal."""
    rest = bytes(most)
    for offset in range(0, size, most):
        yield (os.urandom(64) + rest)[: min(most, size - offset)]


def ratio(found: dict[str, list[Measured]]) -> float:
    """The median total of this build, as a share of the last build's."""
    last, this = (statistics.median(each.total for each in runs) for runs in found.values())
    return this / last


def render(found: dict[str, list[Measured]], arguments: argparse.Namespace) -> str:
    """The report as Markdown."""
    machine = f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total / 1e9:.0f} GB, {platform.platform()}"
    rows = [
        f"| {name} | {each.sent:.2f} s | {each.completed:.2f} s | {each.ready:.2f} s | {each.total:.2f} s |"
        for name, runs in found.items()
        for each in runs
    ]
    parts = [
        "# A large upload, from its first byte to a ready version",
        f"Made by `python bench/uploads.py --against …` on {datetime.now(UTC):%Y-%m-%d}: {machine}, Python"
        f" {platform.python_version()}, SQLite and embedded broker. {arguments.megabytes} MB over REST in chunks that"
        " one client sends one after the other; both studios run, and take turns.",
        "\n".join(["| | chunks sent | completed | ready | total |", "| --- | --- | --- | --- | --- |", *rows]),
        f"- {ratio(found):.2f}x of the last build's median time; the bar is {RATIO}x:"
        f" {'met' if ratio(found) <= RATIO else '**missed**'}",
    ]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
