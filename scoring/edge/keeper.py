"""Keeps one service as the document wants it: the next step, each time it is asked.

Everything that a step depends on is on the disk or in the kernel, so that an agent that was killed, or a device that
lost its power, goes on wherever it was. Deadlines run on the monotonic clock and begin anew with the agent.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scoring.edge.files import read_json, replace_file
from scoring.edge.parts import Part, PartStore
from scoring.edge.problems import EdgeProblem
from scoring.edge.runs import Run

PROVEN_SECONDS = 60.0  # ready for so long, and a release is the one to go back to
MOST_CRASHES = 3  # of a release that has not proven itself
GRACE_SECONDS = 15.0  # the server knows its start deadline too, and explains itself better
DRAIN_SECONDS = 30.0
TERM_SECONDS = 15.0
LONGEST_PAUSE = 60.0

Release = dict[str, Any]


def id_of(release: Release) -> str:
    """Equal releases have equal ids."""
    return hashlib.sha256(json.dumps(release, sort_keys=True).encode()).hexdigest()[:16]


class Keeper:
    """`current` is the release that serves, `previous` the one to go back to. `failed`: the one that was tried last and
    does not run, until the studio asks again or wants another one. `crashes`: of which release, how often."""

    def __init__(self, folder: Path, parts: PartStore, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder, self._parts, self._clock = folder, parts, clock
        self.state: dict[str, Any] = {"current": "", "previous": "", "failed": None, "crashes": {}, "proven": ""}
        self.state |= read_json(folder / "state.json") or {}
        self._since: dict[tuple[str, str], float] = {}  # when something began, as (what, release)

    # --- what is told

    def report(self, service: dict[str, Any] | None) -> dict[str, Any]:
        """How the service stands, for the studio."""
        current = self.release(self.state["current"])
        running = bool(current) and self.run(self.state["current"]).status().get("serving") is True
        failed = self.state["failed"]
        return {
            "running": current["revision"] if current and running else None,
            "wanted": service["release"]["revision"] if service else None,
            "state": self._state_word(service, running=running),
            "problem": failed["problem"] if failed else None,
            "crashes": sum(self.state["crashes"].values()),
        }

    def _state_word(self, service: dict[str, Any] | None, *, running: bool) -> str:
        if service is None:
            return "stopping"
        wanted = id_of(service["release"])
        if self._has_failed(wanted):
            return "failed"
        if wanted == self.state["current"]:
            return "running" if running else "starting"
        return "updating" if self._parts.has(service["release"]["parts"].values()) else "fetching"

    def needed_parts(self) -> list[Part]:
        """Of the releases that it may start without the studio."""
        kept = (self.release(self.state[name]) for name in ("current", "previous"))
        return [part for release in kept if release for part in release["parts"].values()]

    # --- steps

    def step(self, service: dict[str, Any] | None) -> None:
        """Do the next thing; None: the service is not wanted any more."""
        if service is None:
            self._end_others(set())
            if not self._runs():
                shutil.rmtree(self.folder, ignore_errors=True)
            return
        wanted = id_of(service["release"])
        self._note(service, wanted)
        tries = wanted != self.state["current"] and not self._has_failed(wanted)
        if tries and self._parts.has(service["release"]["parts"].values()):
            self._try(service, wanted)
        if self.state["current"]:
            self._keep(service, self.state["current"])
        self._end_others({self.state["current"], wanted if tries else ""})

    def _note(self, service: dict[str, Any], wanted: str) -> None:
        """Keep the release, forget a failure that is not of it or that the studio asks to try again, pass on keys."""
        (self.folder / "releases").mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(self._release_file(wanted), json.dumps(service["release"]).encode())
        failed = self.state["failed"]
        if failed and (failed["release"] != wanted or failed["asked"] != service["asked"]):
            self._save(failed=None, crashes={})
        for run in self._runs():
            run.write_keys(service["keys"])
        kept = {wanted, self.state["current"], self.state["previous"]}
        for path in (self.folder / "releases").glob("*.json"):
            if path.stem not in kept:
                path.unlink()

    def _try(self, service: dict[str, Any], wanted: str) -> None:
        """The wanted release runs beside the one that serves, and takes over when it is ready."""
        run = self.run(wanted)
        if not run.is_alive():
            self._start_candidate(service, wanted, run)
        elif run.answers():
            self._save(current=wanted, previous=self._good_one(), failed=None, crashes={})
        elif run.status().get("state") == "failed" or self._has_passed("start", wanted, _deadline(service)):
            self._fail(service, wanted, _problem_of(run))
            run.kill()

    def _start_candidate(self, service: dict[str, Any], wanted: str, run: Run) -> None:
        crashes = self.state["crashes"].get(wanted, 0)
        told = run.status().get("state") == "failed"
        if told or crashes >= MOST_CRASHES:
            self._fail(service, wanted, _problem_of(run))
            return
        self._save(crashes={wanted: crashes + 1})  # before the start: a device that it takes down counts, too
        self._start(service, wanted, service["release"], run)

    def _keep(self, service: dict[str, Any], current: str) -> None:
        """The release that serves goes on serving; one that has not proven itself gives way to the one before it."""
        run, release = self.run(current), self.release(current)
        if release is None or not self._parts.has(release["parts"].values()):
            self._save(current="", proven="")
        elif not run.is_alive():
            self._restart(service, current, release, run)
        elif run.answers():
            run.serve()
            self._prove(current, run)
        else:
            self._since.pop(("ready", current), None)
            if run.status().get("state") != "ready" and self._has_passed("start", current, _deadline(service)):
                run.kill()

    def _restart(self, service: dict[str, Any], current: str, release: Release, run: Run) -> None:
        crashes = self.state["crashes"].get(current, 0)
        proven = self.state["proven"] == current
        if not proven and self.state["previous"] and (crashes >= MOST_CRASHES or run.status().get("state") == "failed"):
            self._fail(service, current, _problem_of(run))
            self._save(current=self.state["previous"], previous="", proven=self.state["previous"], crashes={})
            return
        pause = min(LONGEST_PAUSE, 2.0 ** (crashes - 1)) if crashes else 0.0
        if self._has_passed("ended", current, pause):
            self._save(crashes={current: crashes + 1})
            self._start(service, current, release, run)

    def _start(self, service: dict[str, Any], name: str, release: Release, run: Run) -> None:
        for what in ("start", "ended", "ready"):
            self._since.pop((what, name), None)
        handover = self.folder / f"s{release['port']}"
        try:
            run.start(service, release, self._parts, handover)
        except EdgeProblem as problem:
            self._fail(service, name, problem.as_dict())
        except OSError as error:
            self._fail(service, name, {"code": "not_started", "message": f"It cannot be started: {error}", "hint": ""})

    def _prove(self, current: str, run: Run) -> None:
        if run.status().get("serving") is not True:
            self._since.pop(("ready", current), None)
            return
        is_news = self.state["proven"] != current or self.state["crashes"]
        if self._has_passed("ready", current, PROVEN_SECONDS) and is_news:
            self._save(proven=current, crashes={})

    def _end_others(self, kept: set[str]) -> None:
        """Releases that are not wanted leave the address once another one serves there, finish, and end."""
        current = self.run(self.state["current"]) if self.state["current"] in kept else None
        successor_serves = current is None or current.status().get("serving") is True
        for run in self._runs():
            name = run.folder.name
            if name in kept:
                continue
            if not run.is_alive():
                run.remove()
            elif successor_serves:
                self._end(run, name)

    def _end(self, run: Run, name: str) -> None:
        run.drain()
        status = run.status()
        is_idle = not status.get("serving") and not status.get("connections", 0)
        if is_idle or self._has_passed("drain", name, DRAIN_SECONDS):
            run.kill() if self._has_passed("term", name, TERM_SECONDS) else run.terminate()

    # --- small things

    def run(self, name: str) -> Run:
        return Run(self.folder / "runs" / name)

    def release(self, name: str) -> Release | None:
        """As it was written down; None for none."""
        found = read_json(self._release_file(name)) if name else None
        return found if isinstance(found, dict) else None

    def _release_file(self, name: str) -> Path:
        return self.folder / "releases" / f"{name}.json"

    def _runs(self) -> list[Run]:
        folder = self.folder / "runs"
        return [Run(path) for path in sorted(folder.iterdir())] if folder.is_dir() else []

    def _good_one(self) -> str:
        """What to go back to: the one that served, if it has proven itself; else the one before it."""
        current = self.state["current"]
        return str(current if current and self.state["proven"] == current else self.state["previous"] or current)

    def _has_failed(self, name: str) -> bool:
        return bool(self.state["failed"]) and self.state["failed"]["release"] == name

    def _fail(self, service: dict[str, Any], name: str, problem: dict[str, str]) -> None:
        self._save(failed={"release": name, "asked": service["asked"], "problem": problem})

    def _has_passed(self, what: str, name: str, seconds: float) -> bool:
        """Whether it is `seconds` since this was asked first."""
        began = self._since.setdefault((what, name), self._clock())
        return self._clock() - began >= seconds

    def _save(self, **facts: Any) -> None:
        self.state |= facts
        replace_file(self.folder / "state.json", json.dumps(self.state).encode())


def _deadline(service: dict[str, Any]) -> float:
    return float(service["release"]["settings"].get("start_deadline_seconds", 300.0)) + GRACE_SECONDS


def _problem_of(run: Run) -> dict[str, str]:
    """Why a server did not come up: what it said, or the end of what it printed."""
    failure = run.status().get("failure")
    if isinstance(failure, dict):
        return {
            "code": str(failure.get("reason", "internal")),
            "message": str(failure.get("message", "")),
            "hint": str(failure.get("hint", "")),
            "evidence": str(failure.get("evidence", ""))[-4000:],
        }
    message = "The server ended again and again, or was not ready in time."
    return {"code": "worker_crashed", "message": message, "hint": "Read its log.", "evidence": run.log_tail()}
