"""Triton: the server's binary inside the nvidia-pytriton wheel, with its Python backend.

Neither the wheel nor the package index has Triton's ONNX Runtime backend, whose C++ path should be quicker.
"""

import shutil
import sys
from pathlib import Path

import onnxruntime

from bench.forms import DATATYPES, V2, V2_BINARY
from bench.machine import free_port
from bench.peers.peer import CORES, ONNXRUNTIME, Peer, Place

BATCH = 8
STUB = "triton_python_backend_stub"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


class Triton(Peer):
    name = "triton"
    title = "Triton 2.51.0, Python backend"
    note = f"{CORES} instances; batches of up to {BATCH} of what is queued, no waiting; gRPC and metrics off"
    requirements = ("nvidia-pytriton==0.7.0", "numpy==1.26.4", ONNXRUNTIME)
    forms = {"json": V2, "binary": V2_BINARY}

    def write(self, place: Place) -> None:
        files = _distribution(place)
        backend = place.folder / "backends" / "python"
        backend.parent.mkdir()
        shutil.copytree(files / "backends" / "python", backend)
        shutil.copy(files / "python_backend_stubs" / VERSION / STUB, backend)
        model = place.folder / "models" / place.question.model
        (model / "1").mkdir(parents=True)
        place.copy("triton_model.py", "onnx_model.py")
        (place.folder / "triton_model.py").rename(model / "1" / "model.py")
        (place.folder / "onnx_model.py").rename(model / "1" / "onnx_model.py")
        (model / "config.pbtxt").write_text(_config(place))

    def command(self, place: Place) -> list[str]:
        command = [str(_distribution(place) / "bin" / "tritonserver"), f"--model-repository={place.folder / 'models'}"]
        command += [f"--backend-directory={place.folder / 'backends'}", "--http-address=127.0.0.1"]
        command += [f"--http-port={place.port}", "--allow-grpc=false", "--allow-metrics=false"]
        return [*command, f"--backend-config=python,shm-region-prefix-name=bench-{free_port()}"]

    def environ(self, place: Place) -> dict[str, str]:
        # The copied stub no longer finds the wheel's libraries beside itself.
        libraries = _distribution(place).parents[1] / "nvidia_pytriton.libs"
        return {"BENCH_MODEL": str(place.question.file), "LD_LIBRARY_PATH": str(libraries)}


def _distribution(place: Place) -> Path:
    return place.bin.parent / "lib" / f"python{VERSION}" / "site-packages" / "pytriton" / "tritonserver"


def _config(place: Place) -> str:
    """Batches help light models, too: each call of the backend then carries several requests."""
    session = onnxruntime.InferenceSession(place.question.file, providers=["CPUExecutionProvider"])

    def tensors(kind: str, declared: list) -> str:
        return "\n".join(f"{kind} [{{ name: '{one.name}' {_shape(one)} }}]" for one in declared)

    lines = [f"name: '{place.question.model}'", "backend: 'python'", f"max_batch_size: {BATCH}"]
    lines += [tensors("input", session.get_inputs()), tensors("output", session.get_outputs())]
    lines += [f"instance_group [{{ kind: KIND_CPU count: {CORES} }}]"]
    return "\n".join([*lines, "dynamic_batching { max_queue_delay_microseconds: 0 }"])


def _shape(one: onnxruntime.NodeArg) -> str:
    kind = {"tensor(float)": "float32", "tensor(int64)": "int64"}[one.type]
    dims = [size if isinstance(size, int) else -1 for size in one.shape[1:]]
    return f"data_type: TYPE_{DATATYPES[kind]} dims: {dims or [1]}"
