"""Boosted trees by the libraries that made them, in an environment of the session with the pinned protobuf."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import uv

from registry.conversion.inside.rows import MISSING
from registry.conversion.inside.verdicts import Gates
from registry.conversion.outcome import Outcome
from registry.conversion.requirements import LIBRARIES, TOOLS
from registry.conversion.sandbox import PROGRAM

PACKAGES = {*LIBRARIES["xgboost"], *LIBRARIES["lightgbm"], *LIBRARIES["catboost"], *TOOLS, "onnxruntime"}
FILES = {
    "xgboost.json": "xgboost",
    "xgboost.ubj": "xgboost",
    "lightgbm.txt": "lightgbm",
    "catboost.cbm": "catboost",
    "hist.joblib": "scikit-learn",
    "wrapped.joblib": "lightgbm",
}


@pytest.fixture(scope="session")
def boosters(tmp_path_factory):
    """A Python with the libraries, and a folder of models that were trained in it."""
    folder = tmp_path_factory.mktemp("boosters")
    place, models, tool = folder / "environment", folder / "models", uv.find_uv_bin()
    models.mkdir()
    try:
        subprocess.run([tool, "venv", "-q", place], check=True, timeout=60)
        subprocess.run(
            [tool, "pip", "install", "-q", "--python", place / "bin" / "python", *sorted(PACKAGES)],
            check=True,
            timeout=300,
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as reason:
        pytest.skip(f"needs a package index: {reason}")
    python = place / "bin" / "python"
    subprocess.run([python, Path(__file__).with_name("booster_models.py"), models], check=True, timeout=300)
    return python, models


def studied(python, models, name, out):
    out.mkdir()
    task = {"folder": str(models), "main_file": name, "framework": FILES[name], "variants": ["onnx"], "out": str(out)}
    (out / "task.json").write_text(json.dumps(task | {"memory_bytes": 8 * 1024**3}))
    variables = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [python, "-I", "-B", PROGRAM, out / "task.json"]
    ended = subprocess.run(command, capture_output=True, env=variables, check=True, timeout=300)
    found = Outcome()
    for line in ended.stdout.splitlines():
        found.add(json.loads(line))
    return found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", FILES)
def test_boosted_trees_answer_the_same(boosters, tmp_path, name):
    found = studied(*boosters, name, tmp_path / "out")
    assert found.refused is None
    [variant] = found.judged(Gates())
    assert variant["verdict"] in {"recommended", "slower", "works"}, variant["reason"]
    assert variant["largest"] < 1e-4
    if name in {"xgboost.json", "hist.joblib"}:
        assert MISSING in found.original["kinds"]


@pytest.mark.timeout(600)
def test_settings_that_come_out_wrong_are_refused_by_name(boosters):
    sentences = json.loads((boosters[1] / "refused.json").read_text())
    assert len(sentences) == 12
    for setting, sentence in sentences.items():
        assert "is not converted to ONNX" in sentence, setting
