"""What every peer is: its environment, the files it needs, how it is started, and how it is asked."""

import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.forms import V2, Form
from bench.questions import Question

PROGRAMS = Path(__file__).parent / "programs"
CORES = psutil.cpu_count() or 1
NUMPY, ONNXRUNTIME = "numpy==2.4.6", "onnxruntime==1.31.1"
UVLOOP, HTTPTOOLS = "uvloop==0.23.0", "httptools==0.9.0"
HEAVY = ("cnn", "transformer")  # a run takes milliseconds, so that the model matters more than the server


@dataclass(frozen=True)
class Place:
    """Where one start of a peer happens."""

    folder: Path  # empty, its own, removed afterwards
    bin: Path  # the environment's
    port: int
    question: Question
    telemetry_port: int  # takes what Slipway pushes

    @property
    def python(self) -> str:
        return str(self.bin / "python")

    def copy(self, *programs: str) -> None:
        for program in programs:
            shutil.copy(PROGRAMS / program, self.folder)


class Peer(ABC):
    """One server. Sessions have one thread each, and there are as many processes as cores, unless `note` differs."""

    name: str  # in --peers
    title: str  # in the report
    note: str = ""  # how it is set up, for the report
    requirements: tuple[str, ...] = ()  # none: the project's own environment
    forms: dict[str, Form] = {"json": V2}
    only: tuple[str, ...] = ()  # models; none: all
    headers: dict[str, str] = {}

    @abstractmethod
    def write(self, place: Place) -> None:
        """Put the files of this start into the folder."""

    @abstractmethod
    def command(self, place: Place) -> list[str]:
        """What starts the server, in the folder of this start."""

    def environ(self, place: Place) -> dict[str, str]:
        return {}

    def path(self, question: Question) -> str:
        return f"/v2/models/{question.model}/infer"
