"""An entry script to begin with, and the packages it needs, from what the inspection found in a version's files. Pure.

Versions of packages are those that the file names, so that a model is loaded by what has written it.
"""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployments.config.imports import BROUGHT_ALONG, DISTRIBUTIONS, candidates
from deployments.config.no_code import numpy_for

# Modules that pickles name and no environment has to ask for: what the packages below bring, and Python 2's own.
BROUGHT = {"numpy", "scipy", "joblib", "threadpoolctl", "copy_reg", "__builtin__"} | sys.stdlib_module_names
KNOWN = {"catboost", "keras", "torch"}  # packages of the same names
TABLE = re.compile(r"^(sklearn\.compose\.|pandas\.)")  # loads what was trained on columns with names


@dataclass(frozen=True)
class FirstScript:
    """`requirements` are pip's."""

    text: str
    requirements: tuple[str, ...]


@dataclass(frozen=True)
class _Way:
    """How a kind of file is loaded and asked. `load` sees `path`, `ask` sees `rows` and gives the answer."""

    imports: tuple[str, ...]
    load: str
    ask: str
    requirements: tuple[str, ...] = ()
    rows: str = 'np.array(json.loads(data)["data"])'


ESTIMATOR = """answer = {"predictions": model.predict(rows).tolist()}
    if hasattr(model, "predict_proba"):
        answer["probabilities"] = model.predict_proba(rows).tolist()
    return answer"""
PREDICT = 'return {"predictions": model.predict(rows).tolist()}'
FLOATS = 'np.array(json.loads(data)["data"], dtype=np.float32)'
NUMPY = "import numpy as np"
WAYS = {
    "pickle": _Way(("import joblib", NUMPY), "joblib.load(path)", ESTIMATOR, ("joblib",)),
    "skops": _Way((NUMPY, "import skops.io"), "skops.io.load(path)", ESTIMATOR, ("skops",)),
    "xgboost": _Way(
        (NUMPY, "import xgboost"),
        "xgboost.Booster(model_file=path)",
        'return {"predictions": model.predict(xgboost.DMatrix(rows)).tolist()}',
        ("xgboost",),
    ),
    "lightgbm": _Way(("import lightgbm", NUMPY), "lightgbm.Booster(model_file=path)", PREDICT, ("lightgbm",)),
    "catboost": _Way(("import catboost", NUMPY), "catboost.CatBoost().load_model(path)", PREDICT, ("catboost",)),
    "keras": _Way(
        ("import keras", NUMPY), "keras.saving.load_model(path)", PREDICT, ("keras", "tensorflow"), rows=FLOATS
    ),
    "torchscript": _Way(
        (NUMPY, "import torch"),
        'torch.jit.load(path, map_location="cpu").eval()',
        'with torch.no_grad():\n        return {"predictions": model(torch.from_numpy(rows)).tolist()}',
        ("torch",),
        rows=FLOATS,
    ),
}
UNKNOWN = _Way(
    (NUMPY,),
    "None  # load the model from this path, with the library that wrote it",
    'return {"rows": len(rows)}  # ask the model here',
)
SCRIPT = '''"""Serves {name}.

A request is {{"data": [[...], ...]}}, with a row for each prediction.
{note}"""

import json
import os

{imports}


def init():
    """Called once per process, before the first request: load the model here."""
    global model
    path = os.path.join(os.environ["AZUREML_MODEL_DIR"], {file!r})
    model = {load}


def run(data):
    """Called for every request with its body as text; what it returns is sent as JSON."""
    rows = {rows}
    {ask}
'''


def first_script(name: str, framework: str, framework_version: str, facts: Mapping[str, Any]) -> FirstScript:
    """The script for the version `name`, of which the inspection has found `facts`."""
    found = [str(one) for one in facts.get("globals") or []]
    way = _way_of(framework, facts)
    imports, rows = list(way.imports), way.rows
    columns = way.load.startswith("joblib") and any(TABLE.match(one) for one in found)
    if columns:
        imports.append("import pandas as pd")
        rows = 'pd.DataFrame(json.loads(data)["data"], columns=getattr(model, "feature_names_in_", None))'
        imports.remove(NUMPY)
    packages, unknown = _packages(found)
    note = f"The file names {', '.join(unknown)}: add the modules beside this script, or their packages.\n"
    text = SCRIPT.format(
        name=name,
        note=note if unknown else "",
        imports="\n".join(imports),
        file=str(facts.get("main_file") or "model.pkl"),
        load=way.load,
        rows=rows,
        ask=way.ask,
    )
    needed = [*(["scikit-learn"] if framework == "scikit-learn" else way.requirements), *packages]
    needed += [*(way.requirements if way is WAYS["skops"] else ()), *(["pandas"] if columns else [])]
    pinned = [_pinned(one, framework, framework_version, facts) for one in dict.fromkeys(needed)]
    return FirstScript(text, (*pinned, *numpy_for(framework, framework_version, found)))


def _way_of(framework: str, facts: Mapping[str, Any]) -> _Way:
    form = facts.get("format")
    if form in {"pickle", "skops"}:
        return WAYS[str(form)]
    if form == "torch":
        return WAYS["torchscript"] if facts.get("torchscript") else UNKNOWN
    if framework == "scikit-learn":
        return WAYS["pickle"]
    return WAYS.get(framework, UNKNOWN)


def _packages(found: list[str]) -> tuple[list[str], list[str]]:
    """Packages of the modules that a pickle names, and the modules of which nothing is known: installing a package
    because a file names it would install whatever somebody has put under that name."""
    tops = [top for top in dict.fromkeys(one.partition(".")[0] for one in found) if top and top not in BROUGHT]
    known = [top for top in tops if top in DISTRIBUTIONS or top in KNOWN or candidates(top)[0] in BROUGHT_ALONG]
    return [candidates(top)[0] for top in known], [top for top in tops if top not in known]


def _pinned(package: str, framework: str, version: str, facts: Mapping[str, Any]) -> str:
    known = {framework: version, "skops": str(facts.get("skops_version") or "")}.get(package, "")
    return f"{package}=={known}" if re.fullmatch(r"\d[\w.]*", known) else package
