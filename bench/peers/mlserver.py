"""Seldon's MLServer with a runtime of our own, as its documentation describes."""

import json

from bench.machine import free_port
from bench.peers.peer import CORES, HEAVY, NUMPY, ONNXRUNTIME, Peer, Place


class MLServer(Peer):
    name = "mlserver"
    title = "MLServer"
    note = f"in one process for light models, {CORES} parallel workers for heavy ones (the better of the two each time)"
    # Its parallel workers find no event loop with uvloop 0.22 and later.
    requirements = ("mlserver==1.7.1", "uvloop<0.22", NUMPY, ONNXRUNTIME)

    def write(self, place: Place) -> None:
        place.copy("mlserver_runtime.py", "onnx_model.py")
        model = place.question.model
        settings = {
            "host": "127.0.0.1", "http_port": place.port, "grpc_port": free_port(), "metrics_port": free_port(),
            "debug": False, "parallel_workers": CORES if model in HEAVY else 0,
        }  # fmt: skip
        (place.folder / "settings.json").write_text(json.dumps(settings))
        model_settings = {
            "name": model,
            "implementation": "mlserver_runtime.OnnxRuntime",
            "parameters": {"uri": str(place.question.file)},
        }
        (place.folder / "model-settings.json").write_text(json.dumps(model_settings))

    def command(self, place: Place) -> list[str]:
        return [str(place.bin / "mlserver"), "start", "."]
