"""What one writes by hand: FastAPI on uvicorn."""

from bench.peers.peer import CORES, HEAVY, HTTPTOOLS, NUMPY, ONNXRUNTIME, UVLOOP, Peer, Place
from bench.questions import INPUTS


class FastAPI(Peer):
    name = "fastapi"
    title = "FastAPI + uvicorn, `def`"
    note = f"{CORES} workers, pydantic models, no access log, no key check"
    requirements = ("fastapi==0.165.0", "uvicorn==0.54.0", UVLOOP, HTTPTOOLS, NUMPY, ONNXRUNTIME)
    program = "fastapi_app:app"

    def write(self, place: Place) -> None:
        place.copy("fastapi_app.py", "onnx_model.py")

    def command(self, place: Place) -> list[str]:
        command = [place.python, "-m", "uvicorn", self.program, "--port", str(place.port)]
        return [*command, "--workers", str(CORES), "--log-level", "warning", "--no-access-log"]

    def environ(self, place: Place) -> dict[str, str]:
        return {"BENCH_MODEL": str(place.question.file)}


class FastAPIAsync(FastAPI):
    """On the event loop: quicker for light models; a heavy one would hold up every other request."""

    name = "fastapi-async"
    title = "FastAPI + uvicorn, `async def`"
    program = "fastapi_app:async_app"
    only = tuple(model for model in INPUTS if model not in HEAVY)
