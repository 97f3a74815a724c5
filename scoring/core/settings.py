"""Everything a replica knows when it starts: run.json, bundle.json and the paths beside them."""

import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from scoring.contract import Bundle, RunSettings
from scoring.core.bundle import load_bundle, size_of
from scoring.core.errors import StartFailure

LIGHT_BYTES = 8 * 1024 * 1024  # models below this are loaded by all processes at once


@dataclass(frozen=True)
class Replica:
    """A run folder, its settings, and the bundle that it serves."""

    run: RunSettings
    bundle: Bundle
    folder: Path  # where it writes
    control: Path  # where it is told what to do: the folder of run.json

    @property
    def bundle_folder(self) -> Path:
        return Path(self.run.bundle)

    @property
    def counters(self) -> Path:
        return self.folder / "counters.bin"

    @property
    def model_counters(self) -> list[Path]:
        """The counter files of each model; none for a single model, whose figures are those of the service."""
        models = self.bundle.models if self.bundle.kind == "no_code" else []
        return [self.folder / f"counters-{number}.bin" for number in range(len(models))] if len(models) > 1 else []

    @property
    def cores(self) -> list[int]:
        """The cores this replica may run on, as numbers; which ones depends on the service's name and its own number.

        Services with few cores start at different ones, so that they do not all share the first; each replica goes on
        where the one before it ends, as two on the same core answer no more than one.
        """
        usable = usable_cores()
        wanted = max(1, math.ceil(self.run.cpus)) if self.run.cpus else len(usable)
        if wanted >= len(usable):
            return usable
        before = int(self.run.replica) - 1 if self.run.replica.isdecimal() else 0
        first = zlib.crc32(f"{self.run.workspace}/{self.run.service}".encode()) + before * wanted
        return sorted(usable[(first + step) % len(usable)] for step in range(wanted))

    @property
    def most_processes(self) -> int:
        """Processes to run when the model is light."""
        return self.run.processes or len(self.cores)

    @property
    def at_once(self) -> bool:
        """Whether all processes may load at the same time, before the first one has been measured."""
        return self.run.processes is not None or size_of(self.bundle_folder / "models") < LIGHT_BYTES


def usable_cores() -> list[int]:
    """Cores that the system grants to this process."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def load_replica(path: Path) -> Replica:
    """Read `run.json` and the bundle that it names; StartFailure(internal) when either cannot be read."""
    run = read_run(path)
    control = path.resolve().parent
    return Replica(run, load_bundle(Path(run.bundle)), folder=work_folder(path, run), control=control)


def work_folder(path: Path, run: RunSettings) -> Path:
    """Where the replica of this `run.json` writes."""
    return Path(run.work) if run.work else path.resolve().parent


def read_run(path: Path) -> RunSettings:
    """`run.json` alone."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=RunSettings)
    except (OSError, msgspec.DecodeError) as error:
        raise StartFailure("internal", f"The run settings {path} cannot be read: {error}") from error
