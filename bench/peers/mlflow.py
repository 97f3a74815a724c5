"""MLflow's `models serve` with its own ONNX flavour."""

import subprocess

from bench.forms import named
from bench.peers.peer import CORES, HTTPTOOLS, NUMPY, ONNXRUNTIME, UVLOOP, Peer, Place
from bench.questions import Question


class MLflow(Peer):
    name = "mlflow"
    title = "MLflow models serve, uvloop added"
    note = f"{CORES} workers; without uvloop every answer takes 44 ms, which would be no fair comparison"
    requirements = ("mlflow==3.17.2", "onnx==1.23.2", UVLOOP, HTTPTOOLS, NUMPY, ONNXRUNTIME)
    forms = {"json": named("inputs", "predictions")}

    def write(self, place: Place) -> None:
        place.copy("mlflow_save.py")
        command = [place.python, "mlflow_save.py", str(place.question.file), "saved"]
        done = subprocess.run(command, cwd=place.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"MLflow could not save the model:\n{done.stderr}")

    def command(self, place: Place) -> list[str]:
        command = [str(place.bin / "mlflow"), "models", "serve", "--model-uri", "saved", "--env-manager", "local"]
        return [*command, "--host", "127.0.0.1", "--port", str(place.port), "--workers", str(CORES)]

    def path(self, question: Question) -> str:
        return "/invocations"
