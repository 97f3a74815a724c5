"""Measure Slipway's scoring server beside its peers in one run: `python bench/scoring.py [--models tiny] [--peers …]`.

Peers are up together and take turns at each cell, whole rounds are repeated, and medians are compared: see
docs/benchmarks/scoring.md for the method. Each peer gets an environment of its own in ~/.cache/slipway-bench, made at
its first use. Exits with 1 when a bar is missed or a peer could not be measured. A quick look:
`--models tiny --peers slipway triton --rounds 1 --seconds 1`. What a change costs or gains,
beside a checkout of the last build: `--models tiny transformer --forms json --peers slipway --against ../last-build`.
"""

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not this folder: its scoring.py would hide the package of that name

from bench.bars import verdicts  # noqa: E402
from bench.crowd import crowd  # noqa: E402
from bench.environment import CannotInstall  # noqa: E402
from bench.load import Generator, Result  # noqa: E402
from bench.machine import CALM_CORES, OtherProcesses  # noqa: E402
from bench.peers import PEERS  # noqa: E402
from bench.peers.peer import CORES  # noqa: E402
from bench.peers.raw import layouts, measure_raw  # noqa: E402
from bench.peers.slipway import LastBuild  # noqa: E402
from bench.questions import INPUTS, ask  # noqa: E402
from bench.report import Method, report  # noqa: E402
from bench.results import RAW, Choice, Failure, Results, Run, Start  # noqa: E402
from bench.server import PeerFailed, Server, started  # noqa: E402
from bench.telemetry_sink import Sink, telemetry_sink  # noqa: E402

FORMS = ("json", "binary")
WARM_UP_SECONDS, IDLE_SECONDS, CROWD_SECONDS = 1, 1.0, 2.0
LONGER = {"cnn": 4, "transformer": 2}  # times the seconds of a turn: few requests fit into one
TURNS = 3  # at a cell in a round, each peer in turn: the machine's speed changes from one moment to the next
# Where a few percent decide: within minutes, and odd. A median over two rounds lies between two speeds of the machine.
CLOSE_TURNS = 9
# Those few percent are less than other servers take from the machine that are up and rest.
CLOSE_MODELS, CLOSE_PEERS = ("cnn", "transformer"), ("slipway", "last-build", "triton", RAW)
START_MODEL, STARTS = "tiny", 3  # of every peer in a round: a single start may meet a slow moment of the machine
STARTS_OF = {"slipway": 9, "slipway-script": 9, "azure": 9}  # those that a bar compares
FAULTS = (PeerFailed, CannotInstall, RuntimeError, OSError)  # of a peer, which end nothing but its own measurements
QUESTIONS = 32  # different ones, so that one client's answer to another is noticed


class Bench:
    """Starts peers, asks them in turn, and keeps what it finds."""

    def __init__(self, results: Results, seconds: int, telemetry_port: int) -> None:
        self._results, self._seconds, self._telemetry_port = results, seconds, telemetry_port
        self._questions = {model: ask(model, QUESTIONS) for model in results.choice.models}

    def round(self, number: int) -> None:
        """Some starts of each peer; then, model by model, many of them up at once. Forwards and backwards in turn."""
        peers = self._results.choice.peers
        order = peers if number % 2 == 0 else peers[::-1]
        for turn in range(max(STARTS_OF.values()) if START_MODEL in self._results.choice.models else 0):
            for peer in order:
                if turn < STARTS_OF.get(peer, STARTS):
                    self._start(peer)
        for model in self._results.choice.models:
            for group, turns in _groups(order, model):
                with ExitStack() as running:
                    servers = [server for peer in group if (server := self._enter(running, peer, model))]
                    self._measure(model, servers, turns, raw=RAW in group)

    def _start(self, peer: str) -> None:
        """How long one start takes, with nothing else running, and the memory after it."""
        if not _is_asked(peer, START_MODEL):
            return
        question = self._questions[START_MODEL][0]
        try:
            with started(PEERS[peer], question, self._telemetry_port) as server:
                other_processes = OtherProcesses(server.family)
                seconds = server.wait_for_answer(question)
                others = other_processes.cores()
                time.sleep(IDLE_SECONDS)
                memory, processes = server.family.memory()
        except FAULTS as error:
            self._fail(peer, START_MODEL, "", error)
            return
        self._results.starts.append(Start(peer, seconds, memory, processes, others))
        print(f"{peer:15} start {seconds:.2f} s, {memory:.0f} MiB in {processes} processes", flush=True)

    def _enter(self, running: ExitStack, peer: str, model: str) -> Server | None:
        """A server that has answered rightly, until `running` ends."""
        if not _is_asked(peer, model):
            return None
        try:
            return running.enter_context(self._answering(peer, model))
        except FAULTS as error:
            self._fail(peer, model, "", error)
            return None

    @contextmanager
    def _answering(self, peer: str, model: str) -> Iterator[Server]:
        question = self._questions[model][0]
        with started(PEERS[peer], question, self._telemetry_port) as server:
            server.wait_for_answer(question)
            yield server

    def _measure(self, model: str, servers: list[Server], turns: int, *, raw: bool) -> None:
        """Cell by cell, so that these peers meet the same moments of the machine; the others rest meanwhile."""
        for form in self._results.choice.forms:
            able = [server for server in servers if form in server.peer.forms]
            for connections in self._results.choice.connections:
                for turn in range(turns):
                    if raw and form == self._results.choice.forms[0]:
                        self._measure_raw(model, connections)
                    able = [
                        server
                        for server in able
                        if self._is_measured(server, form, model, connections, warm_up=not turn)
                    ]
            for server in able:
                if server.peer.name.startswith("slipway"):
                    self._crowd(server, form, model)

    def _is_measured(self, server: Server, form: str, model: str, connections: int, *, warm_up: bool) -> bool:
        """Measure a cell; once more where other processes disturbed it. False when it cannot be."""
        question = self._questions[model][0]
        try:
            server.check(form, question)
            with Generator(server.load(form, question)) as generator:
                if warm_up:
                    generator.measure(connections, WARM_UP_SECONDS)
                    server.family.settle()  # some go on with what the warm-up has left behind
                for _ in range(2):
                    other_processes = OtherProcesses(server.family)
                    result = generator.measure(connections, self._seconds_of(model))
                    others = other_processes.cores()
                    self._keep(Run(model, form, server.peer.name, connections, result, others))
                    if others < CALM_CORES:
                        break
            server.family.settle()
        except FAULTS as error:
            self._fail(server.peer.name, model, form, error)
            return False
        return True

    def _crowd(self, server: Server, form: str, model: str) -> None:
        result = crowd(server, form, self._questions[model], CROWD_SECONDS)
        self._results.crowds.setdefault((server.peer.name, model, form), []).append(result)
        print(f"{server.peer.name:15} {model:12} {form:7} {result}", flush=True)
        server.family.settle()

    def _measure_raw(self, model: str, connections: int) -> None:
        question = self._questions[model][0]
        for layout in layouts(connections, CORES):
            other_processes = OtherProcesses()
            found = measure_raw(question.file, question.inputs, layout, self._seconds_of(model))
            self._keep(Run(model, "", RAW, connections, Result(**found), other_processes.cores(), layout))

    def _seconds_of(self, model: str) -> int:
        return self._seconds * LONGER.get(model, 1)

    def _keep(self, run: Run) -> None:
        self._results.runs.append(run)
        found, where = run.result, f"{run.peer:15} {run.model:12} {run.form:7} c={run.connections:<3}"
        text = f"{found.throughput:10.1f}/s  p50 {found.p50:9.2f}  p99 {found.p99:9.2f} ms  errors {found.errors}"
        print(f"{where} {text}  others {run.others:.2f}", flush=True)

    def _fail(self, peer: str, model: str, form: str, error: Exception) -> None:
        self._results.failures.append(Failure(peer, model, form, str(error)))
        print(f"{peer:15} {model:12} {form:7} NOT MEASURED: {error}", flush=True)


def _groups(peers: list[str], model: str) -> list[tuple[list[str], int]]:
    """Peers that are up at the same time, and how many turns they have at a cell."""
    if model not in CLOSE_MODELS and "last-build" not in peers:
        return [(peers, TURNS)]
    close = [peer for peer in peers if peer in CLOSE_PEERS]
    return [(close, CLOSE_TURNS), ([peer for peer in peers if peer not in close], 1)]


def _is_asked(peer: str, model: str) -> bool:
    return peer != RAW and (not PEERS[peer].only or model in PEERS[peer].only)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=list(INPUTS), default=list(INPUTS))
    parser.add_argument("--peers", nargs="+", choices=[RAW, *PEERS], default=[RAW, *PEERS])
    parser.add_argument("--against", type=Path, help="a checkout of the last build, measured beside this one")
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=1, help="of a turn; more for the large models")
    parser.add_argument("--report", type=Path, help="write the report to this file, too")
    arguments = parser.parse_args()
    if arguments.against:
        PEERS[LastBuild.name] = LastBuild(arguments.against)
        arguments.peers.append(LastBuild.name)
    return arguments


def main() -> int:
    arguments = read_arguments()
    if not shutil.which("wrk"):
        raise SystemExit("Needs wrk, the load generator: `apt-get install wrk` or `brew install wrk`.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end the servers, too: each leads its own session
    choice = Choice(arguments.models, arguments.peers, arguments.forms, arguments.connections)
    results = Results(choice)
    with telemetry_sink() as port:
        bench = Bench(results, arguments.seconds, port)
        done = 0
        try:
            for number in range(arguments.rounds):
                print(f"round {number + 1} of {arguments.rounds}", flush=True)
                bench.round(number)
                done += 1
        except KeyboardInterrupt:
            print("stopped: the report holds what has been measured", flush=True)
    judged = verdicts(results)
    method = Method(done, TURNS, CLOSE_TURNS, _seconds_text(arguments.seconds), Sink.windows)
    text = report(results, judged, method)
    print(f"\n{text}")
    if arguments.report:
        arguments.report.parent.mkdir(parents=True, exist_ok=True)
        arguments.report.write_text(text)
    return 1 if results.failures or not all(one.met for one in judged) else 0


def _seconds_text(seconds: int) -> str:
    more = ", ".join(f"{seconds * factor} s for the {model}" for model, factor in LONGER.items())
    return f"{seconds} s ({more})"


if __name__ == "__main__":
    sys.exit(main())
