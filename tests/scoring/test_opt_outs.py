"""No process of ours lets a library report usage: the variables stand in its environment before the import."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scoring.opt_outs import OPT_OUTS, opt_out

ROOT = Path(__file__).resolve().parents[2]
HIDE = {"CI", "XDG_CACHE_HOME", *OPT_OUTS}  # what stops reports, or sends them elsewhere, whatever we do


def run_python(code, home, **variables):
    kept = {name: value for name, value in os.environ.items() if name not in HIDE}
    environment = kept | {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"} | variables
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, timeout=120)


@pytest.mark.parametrize("first", ["import scoring.onnx.model", "import bench.questions", "import studio.settings"])
def test_importing_onnxruntime_leaves_no_device_id(tmp_path, first):
    run_python(f"{first}\nimport onnxruntime", tmp_path, SLIPWAY_DATA=str(tmp_path / "data"))
    assert [path.name for path in tmp_path.iterdir() if path.name != "data"] == []


def test_existing_value_is_kept():
    environment = {"MLFLOW_DISABLE_TELEMETRY": "false"}
    opt_out(environment)
    assert environment == OPT_OUTS | {"MLFLOW_DISABLE_TELEMETRY": "false"}
