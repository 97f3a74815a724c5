"""BentoML's server."""

from bench.forms import Form, named
from bench.peers.peer import CORES, NUMPY, ONNXRUNTIME, Peer, Place
from bench.questions import Question

CHANCE = "; which worker gets a connection is left to chance: at times one has them all"


class BentoML(Peer):
    name = "bentoml"
    title = "BentoML"
    note = f"{CORES} workers, `async` endpoint (its quicker kind), its own JSON, metrics and access log off{CHANCE}"
    requirements = ("bentoml==1.4.39", NUMPY, ONNXRUNTIME)
    forms: dict[str, Form] = {"json": named("inputs")}

    def write(self, place: Place) -> None:
        place.copy("bento_service.py", "onnx_model.py")

    def command(self, place: Place) -> list[str]:
        return [str(place.bin / "bentoml"), "serve", "bento_service:Onnx", "--port", str(place.port)]

    def environ(self, place: Place) -> dict[str, str]:
        settings = {"BENTOML_HOME": str(place.folder / "home"), "BENTOML_HOST": "127.0.0.1"}
        return {"BENCH_MODEL": str(place.question.file), "BENCH_WORKERS": str(CORES), **settings}

    def path(self, question: Question) -> str:
        return "/predict"
