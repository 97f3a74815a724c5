"""The agent: one loop keeps the services, which never waits for the network, and one thread talks to the studio."""

import fcntl
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from scoring.edge.agent_settings import AgentSettings
from scoring.edge.documents import Desired
from scoring.edge.keeper import Keeper
from scoring.edge.machine import this_python
from scoring.edge.parts import PartStore
from scoring.edge.problems import EdgeProblem
from scoring.edge.studio import Studio
from scoring.edge.telemetry import Buffer
from scoring.edge_contract import FORMAT

STEP_SECONDS = 0.5
POLL_SECONDS = 10.0
LONGEST_PAUSE = 300.0


class Agent:
    """`end` is set to end it. Services go on: the next agent takes them over."""

    def __init__(self, settings: AgentSettings) -> None:
        self.settings = settings
        self.end = threading.Event()
        self.desired = Desired(settings.folder, settings.device, settings.public_key)
        self.parts = PartStore(settings.folder)
        self.buffer = Buffer(settings.folder / "telemetry", settings.buffer_bytes)
        self.studio = Studio(settings.studio, settings.key, settings.ca_file)
        self._keepers: dict[int, Keeper] = {}
        self._problem: EdgeProblem | None = None  # of the device as a whole
        self._fetching: dict[int, EdgeProblem] = {}  # what keeps a service's parts from being here
        self._lock = threading.Lock()  # over the two threads' use of keepers
        self._failures = 0

    def run(self) -> None:
        """Until `end`."""
        talking = threading.Thread(target=self._talk, name="studio", daemon=True)
        talking.start()
        while not self.end.wait(STEP_SECONDS):
            self.step()

    # --- the services

    def step(self) -> None:
        """One step for each service that is wanted or still here."""
        with self._lock:
            wanted = {service["id"]: service | {"device": self.settings.device} for service in self.desired.services}
            for number in sorted({*wanted, *self._known()}):
                try:
                    self._keeper(number).step(wanted.get(number))
                except OSError as error:  # a full disk, say: the others go on
                    log(f"service {number}: {error}")
            self._forget(wanted)

    def _keeper(self, number: int) -> Keeper:
        if number not in self._keepers:
            self._keepers[number] = Keeper(self._services() / str(number), self.parts)
        return self._keepers[number]

    def _services(self) -> Path:
        return self.settings.folder / "services"

    def _known(self) -> list[int]:
        folder = self._services()
        return [int(path.name) for path in folder.iterdir() if path.name.isdecimal()] if folder.is_dir() else []

    def _forget(self, wanted: dict[int, Any]) -> None:
        for number in set(self._keepers) - set(wanted):
            if not self._keepers[number].folder.exists():
                del self._keepers[number]

    # --- the studio

    def _talk(self) -> None:
        while not self.end.is_set():
            try:
                self.talk_once()
                self._failures = 0
            except EdgeProblem as problem:
                self._failures += 1
                log(f"{problem.message} {problem.hint}")
            except Exception as error:  # whatever it was, services go on and the studio is asked again
                self._failures += 1
                log(f"unexpected: {error!r}")
            self.end.wait(self.pause())

    def talk_once(self) -> None:
        """Tell and ask, fetch what is missing, hand over telemetry. Raises `EdgeProblem`."""
        self._take_windows()
        envelope = self.studio.poll(self.report())
        if envelope is not None:
            self._accept(envelope)
        self._fetch_all()
        self._ship()

    def pause(self) -> float:
        """Seconds to the next call: longer after failures, and never the same for all devices."""
        usual = float(self.desired.document.get("poll_seconds", POLL_SECONDS))
        return min(LONGEST_PAUSE, usual * 2.0 ** min(self._failures, 6)) * random.uniform(0.8, 1.2)  # noqa: S311

    def report(self) -> dict[str, Any]:
        """What the studio is told."""
        with self._lock:
            services = {service["id"]: service for service in self.desired.services}
            rows = {number: self._keeper(number).report(services.get(number)) for number in (*services, *self._known())}
        for number, problem in self._fetching.items():
            if number in rows and rows[number]["problem"] is None:
                rows[number]["problem"] = problem.as_dict()
        return {
            "format": FORMAT,
            "sequence": self.desired.sequence,
            "services": {str(number): row for number, row in rows.items()},
            "python": this_python(),
            "problem": self._problem.as_dict() if self._problem else None,
            "clock": time.time(),
        }

    def _accept(self, envelope: dict[str, Any]) -> None:
        try:
            if self.desired.accept(envelope):
                log(f"document {self.desired.sequence} wants {len(self.desired.services)} services")
            self._problem = None
        except EdgeProblem as problem:
            self._problem = problem
            log(f"{problem.message} {problem.hint}")

    def _fetch_all(self) -> None:
        """What is missing for each service; one that cannot be had does not keep the others from theirs."""
        services = self.desired.services
        for service in services:
            try:
                for part in service["release"]["parts"].values():
                    self.parts.fetch(self.studio, part)
                self._fetching.pop(service["id"], None)
            except EdgeProblem as problem:
                self._fetching[service["id"]] = problem
                log(f"{service['name']}: {problem.message} {problem.hint}")
        with self._lock:
            kept = [part for service in services for part in service["release"]["parts"].values()]
            kept += [part for number in self._known() for part in self._keeper(number).needed_parts()]
            self.parts.keep(kept)
        if any(service["id"] in self._fetching for service in services):
            self._failures += 1

    def _take_windows(self) -> None:
        for number in self._known():
            for run in sorted((self._services() / str(number) / "runs").glob("*")):
                self.buffer.take(number, run)
        self.buffer.trim()

    def _ship(self) -> None:
        for number in self.buffer.services():
            while windows := self.buffer.oldest(number):
                try:
                    self.studio.send_windows(number, list(windows.values()), time.time())
                except EdgeProblem as problem:
                    if problem.code != "studio_refused":
                        raise
                    log(f"telemetry of service {number} was refused and is dropped: {problem.message}")
                    self.buffer.drop(number)
                else:
                    self.buffer.forget(list(windows))


def run_agent(settings: AgentSettings) -> int:
    """Until SIGTERM or SIGINT. Raises `EdgeProblem` (already_running)."""
    descriptor = os.open(settings.folder / "agent.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise EdgeProblem(
            "already_running", f"Another agent works in {settings.folder}.", "End it, or name another folder."
        ) from error
    agent = Agent(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.end.set())
    log(f"device {settings.device} asks {settings.studio}")
    agent.run()
    return 0


def log(line: str) -> None:
    """Without a time, which may be years off: who keeps the log knows better."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
