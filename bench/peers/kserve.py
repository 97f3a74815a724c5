"""KServe's Python model server."""

from bench.forms import V2, V2_BINARY
from bench.peers.peer import CORES, NUMPY, ONNXRUNTIME, Peer, Place


class KServe(Peer):
    name = "kserve"
    title = "KServe Python server"
    note = f"{CORES} workers, gRPC and latency log off"
    requirements = ("kserve==0.21.0", NUMPY, ONNXRUNTIME)
    forms = {"json": V2, "binary": V2_BINARY}

    def write(self, place: Place) -> None:
        place.copy("kserve_server.py", "onnx_model.py")

    def command(self, place: Place) -> list[str]:
        command = [place.python, "kserve_server.py", "--http_port", str(place.port), "--workers", str(CORES)]
        return [*command, "--enable_grpc", "false", "--enable_latency_logging", "false"]

    def environ(self, place: Place) -> dict[str, str]:
        return {"BENCH_MODEL": str(place.question.file), "BENCH_NAME": place.question.model}
