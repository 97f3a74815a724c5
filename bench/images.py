"""How long an image takes when nothing but the model has changed, beside MLflow: `python bench/images.py`.

Both build on the same engine, in one run, an image that serves the same ONNX model, and then, several times in turns,
one of a version that differs in its model alone. MLflow's base image is made here from Debian packages, with Python and
pip, as its own cannot be had without an image registry; `mlflow models build-docker` has no option for that, so its
Python function is called. BentoML's `containerize` wants the buildx component of Docker, which Debian does not have.

Needs an engine at this machine's socket, the image of `make base-image`, mmdebstrap, and a package index for MLflow.
Writes docs/benchmarks/images.md. Exits with 1 when the ratio of the medians is over the bar.
"""

import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import onnx  # noqa: E402
import psutil  # noqa: E402

from bench.environment import environment  # noqa: E402
from tests.engine_client import engine_here, remove_labelled  # noqa: E402
from tests.rest import Rest  # noqa: E402
from tests.stack import Stack  # noqa: E402

REPORT = ROOT / "docs" / "benchmarks" / "images.md"
MODEL = ROOT / "samples" / "iris" / "model.onnx"
PROGRAMS = ROOT / "bench" / "peers" / "programs"
BASE_IMAGE, PEER_BASE, PEER_IMAGE = "slipway-base:bookworm", "slipway-bench-python:bookworm", "slipway-bench-mlflow"
MLFLOW = ("mlflow==3.17.2", "onnx==1.23.2", "onnxruntime==1.32.0")
BAR, TIMES = 0.25, 5
CA = Path("/etc/ssl/certs/ca-certificates.crt")  # behind a proxy that signs by itself, the peer's pip needs it
DOCKERFILE = f"""FROM scratch
ADD root.tar /
COPY ca.crt {CA}
RUN ln -s python3 /usr/bin/python
ENV PIP_BREAK_SYSTEM_PACKAGES=1 PIP_CERT={CA} SSL_CERT_FILE={CA}
"""


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        data = Path(folder, "data")
        try:
            make_peer_base(Path(folder, "base"))
            with Stack(data, SLIPWAY_BASE_IMAGE=BASE_IMAGE) as stack:
                took = measure(Rest(stack), Path(folder))
        finally:
            if (data / "studio-id").exists():
                remove_labelled(engine_here(), f"slipway.studio={(data / 'studio-id').read_text()}")
    REPORT.write_text(report := render(took, os.getloadavg()[0]))
    sys.stdout.write(report)
    return int(ratio(took) > BAR)


def make_peer_base(folder: Path) -> None:
    """What `python:3.11-slim` is to MLflow, of Debian's packages."""
    folder.mkdir()
    packages = "python3,python3-pip,python3-venv,wget,ca-certificates"
    command = ["mmdebstrap", "--quiet", "--variant=apt", f"--include={packages}", "bookworm", str(folder / "root.tar")]
    subprocess.run(command, check=True)
    (folder / "ca.crt").write_bytes(CA.read_bytes())
    (folder / "Dockerfile").write_text(DOCKERFILE)
    subprocess.run(["docker", "build", "--quiet", "--tag", PEER_BASE, str(folder)], check=True)


def measure(rest: Rest, folder: Path) -> dict[str, list[float]]:
    """Seconds by who and what: of the first image, and of those whose model alone is another."""
    bin_folder = environment("mlflow", MLFLOW)
    took: dict[str, list[float]] = {"slipway first": [], "slipway": [], "mlflow first": [], "mlflow": []}
    for number in range(TIMES + 1):
        model = another_model(folder / f"iris-{number}.onnx", number)
        which = "" if number else " first"
        took["slipway" + which].append(package(rest, model))
        took["mlflow" + which].append(build_mlflow(bin_folder, model))
    return took


def another_model(file: Path, number: int) -> Path:
    model = onnx.load(MODEL)
    model.doc_string = f"version {number}"
    onnx.save(model, file)
    return file


def package(rest: Rest, model: Path) -> float:
    """Until the image of a version that is registered is there, asked for over REST."""
    version = rest.register("iris", model)
    rest.until_ready(version)
    began = time.monotonic()
    asked = rest.post("packages", {"model": version, "form": "image"}, 202)
    rest.until(f"packages/{asked['id']}", lambda found: found["state"] == "succeeded", 900)
    return time.monotonic() - began


def build_mlflow(bin_folder: Path, model: Path) -> float:
    """Until the image of a model that is saved is there, asked for from Python."""
    saved = model.with_suffix("")
    environ = os.environ | {"PATH": f"{bin_folder}:{os.environ['PATH']}"}
    python = str(bin_folder / "python")
    subprocess.run([python, PROGRAMS / "mlflow_save.py", model, saved], env=environ, check=True, capture_output=True)
    build = [python, PROGRAMS / "mlflow_image.py", saved, PEER_IMAGE, PEER_BASE]
    began = time.monotonic()
    subprocess.run(build, env=environ, check=True, capture_output=True)
    return time.monotonic() - began


def ratio(took: dict[str, list[float]]) -> float:
    return median(took["slipway"]) / median(took["mlflow"])


def render(took: dict[str, list[float]], load: float) -> str:
    """The report as Markdown."""
    engine = engine_here().version()["Version"]
    machine = f"{psutil.cpu_count()} cores, {psutil.virtual_memory().total / 1e9:.0f} GB, {platform.platform()}"
    names = {"slipway": "Slipway, a package as an image", "mlflow": f"MLflow ({MLFLOW[0]}), `build_docker`"}
    rows = [
        f"| {name} | {took[who + ' first'][0]:.1f} | {min(took[who]):.2f} | {median(took[who]):.2f} | "
        f"{max(took[who]):.2f} |"
        for who, name in names.items()
    ]
    return "\n".join(
        [
            "# Images of a changed model",
            "",
            f"Made by `python bench/images.py` on {datetime.now(UTC):%Y-%m-%d}: {machine}, Docker {engine}. The load "
            f"of the machine was {load:.1f} at the end, this run's own included. Both took turns, {TIMES} each.",
            "",
            "Seconds until the image of an ONNX model (samples/iris) is there, which is registered or saved already:",
            "",
            "| | first image | model changed, quickest | median | slowest |",
            "|---|---|---|---|---|",
            *rows,
            "",
            f"Ratio of the medians **{ratio(took):.3f}**; the bar, {BAR}, is "
            f"{'met' if ratio(took) <= BAR else 'missed'}. Slipway writes the model's layer and keeps the others; "
            "MLflow installs the packages after it has copied the model, and so again for each model.",
            "",
            "MLflow's own base images cannot be had without an image registry, so its function got one of Debian "
            "packages (its command has no option for that). `bentoml containerize` 1.4.39 was not measured: it builds "
            "with Docker's buildx component, which Debian's `docker.io` does not bring.",
            "",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
