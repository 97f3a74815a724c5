"""Azure's own inference server (Flask behind gunicorn), whose entry scripts Slipway runs unchanged."""

import shutil

from bench.forms import named
from bench.peers.peer import CORES, NUMPY, ONNXRUNTIME, Peer, Place
from bench.questions import Question


class Azure(Peer):
    name = "azure"
    title = "azureml-inference-server-http"
    note = f"{CORES} workers; an entry script on plain `json` and `.tolist()`"
    requirements = ("azureml-inference-server-http==1.5.1", NUMPY, ONNXRUNTIME)
    forms = {"json": named()}

    def write(self, place: Place) -> None:
        place.copy("score.py")
        (place.folder / "model").mkdir()
        shutil.copy(place.question.file, place.folder / "model")

    def command(self, place: Place) -> list[str]:
        command = [str(place.bin / "azmlinfsrv"), "--entry_script", "score.py", "--model_dir", "model"]
        return [*command, "--port", str(place.port), "--worker_count", str(CORES)]

    def path(self, question: Question) -> str:
        return "/score"
