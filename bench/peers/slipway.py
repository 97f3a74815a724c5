"""Slipway's own scoring server as the studio starts it: a bundle, run.json, keys, telemetry; nothing left out."""

import json
import shutil
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from bench.forms import V2, V2_BINARY, named
from bench.peers.peer import NUMPY, ONNXRUNTIME, PROGRAMS, Peer, Place
from bench.questions import Question

ROOT = Path(__file__).resolve().parents[2]
KEY = "bench-key"
MODELS = (NUMPY, ONNXRUNTIME, f"pysimdjson=={version('pysimdjson')}")


def _needed() -> tuple[str, ...]:
    """What the studio installs beside a model, in the versions that the project is tested with."""
    lines = (ROOT / "scoring" / "requirements.txt").read_text().splitlines()
    names = [line.partition(">=")[0] for line in lines if line and not line.startswith("#")]
    return tuple(f"{name}=={version(name)}" for name in names if name != "numpy")


class Slipway(Peer):
    name = "slipway"
    title = "**Slipway**"
    note = "key check, admission, request id and telemetry (pushed every second) on; processes and batching by default"
    forms = {"json": V2, "binary": V2_BINARY}
    requirements = (*MODELS, *_needed())
    headers = {"Authorization": f"Bearer {KEY}"}
    bundle: dict[str, str] = {"kind": "no_code"}
    root = ROOT

    def write(self, place: Place) -> None:
        bundle, run, question = place.folder / "bundle", place.folder / "run", place.question
        model = f"models/{question.model}/1"
        (bundle / model).mkdir(parents=True)
        run.mkdir()
        shutil.copy(question.file, bundle / model)
        listed = [{"name": question.model, "version": 1, "path": model, "framework": "onnx"}]
        (bundle / "bundle.json").write_text(json.dumps({**self.bundle, "models": listed}))
        (run / "keys.json").write_text(json.dumps({"digests": [sha256(KEY.encode()).hexdigest()]}))
        address = f"http://127.0.0.1:{place.telemetry_port}/"
        settings = {
            "service": "bench", "workspace": "bench", "revision": 1, "recipe": "bench", "port": place.port,
            "bundle": str(bundle), "telemetry": {"url": address, "token": "t", "service": 1, "seconds": 1.0},
        }  # fmt: skip
        (run / "run.json").write_text(json.dumps(settings))

    def command(self, place: Place) -> list[str]:
        return [place.python, "-m", "scoring", "--console", str(place.folder / "run" / "run.json")]

    def environ(self, place: Place) -> dict[str, str]:
        return {"PYTHONPATH": str(self.root)}


class SlipwayScript(Slipway):
    """The same server running the very entry script that Azure's server runs."""

    name = "slipway-script"
    title = "**Slipway**, entry script"
    note = "the same unmodified score.py as Azure's server"
    forms = {"json": named()}
    bundle = {"kind": "entry_script", "entry_script": "score.py"}

    def write(self, place: Place) -> None:
        super().write(place)
        (place.folder / "bundle" / "source").mkdir()
        shutil.copy(PROGRAMS / "score.py", place.folder / "bundle" / "source")

    def path(self, question: Question) -> str:
        return "/score"


class LastBuild(Slipway):
    """The server of another checkout, with the same packages: what a change costs or gains."""

    name = "last-build"
    title = "Slipway, last build"
    note = "the scoring server of another checkout, set up alike"

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        if not (self.root / "scoring" / "__main__.py").exists():
            raise SystemExit(f"{root} is no checkout of Slipway: it has no scoring/__main__.py")
