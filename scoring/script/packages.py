"""Modules that scripts import and environments lack: the package that brings them, or why none does."""

import re
import sys
from importlib.metadata import packages_distributions, version

# Modules whose package has another name; the longest match counts.
PACKAGES = {
    "Crypto": "pycryptodome",
    "PIL": "pillow",
    "attr": "attrs",
    "azureml.automl": "azureml-automl-runtime",
    "azureml.dataprep": "azureml-dataprep",
    "azureml.interpret": "azureml-interpret",
    "azureml.mlflow": "azureml-mlflow",
    "azureml.opendatasets": "azureml-opendatasets",
    "azureml.train": "azureml-train-automl-runtime",  # Python names the part that it looked for first; this has all
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "google.protobuf": "protobuf",
    "inference_schema": "inference-schema",
    "jwt": "pyjwt",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "sklearn_pandas": "sklearn-pandas",
    "yaml": "pyyaml",
}
# Names that the packages of one maker share, and the parts below them that are shared again: azure.identity is of
# azure-identity, azure.storage.blob of azure-storage-blob.
SHARED = {"azure": {"ai", "data", "keyvault", "mgmt", "monitor", "search", "storage"}, "google": {"cloud"}}
# Modules that no package brings: a sentence, and the next step.
UNAVAILABLE = {
    "azureml": (
        "the scoring server's own modules, which stand in for azureml-core, have no such part",
        "They have what scripts use while they serve: Model, Run, raw HTTP and data collection. Take models from "
        "AZUREML_MODEL_DIR or Model.get_model_path, and settings from environment variables of the deployment.",
    ),
    "azureml_user": (
        "it is there in batch jobs only (ParallelRunStep)",
        "Such a script processes files in batches and has no service here. Deploy a script with init() and run(data).",
    ),
}
# Parts that well-known packages no longer have, and the last versions that had them.
REMOVED = {
    "mlflow.pyfunc.scoring_server.infer_and_parse_json_input": "mlflow<2",
    "mlflow.pyfunc.scoring_server.parse_json_input_records_oriented": "mlflow<2",
    "mlflow.pyfunc.scoring_server.parse_json_input_split_oriented": "mlflow<2",
    "sklearn.cross_validation": "scikit-learn<0.20",
    "sklearn.externals.six": "scikit-learn<0.23",
    "sklearn.grid_search": "scikit-learn<0.20",
    "sklearn.preprocessing.Imputer": "scikit-learn<0.22",
}
_PART = re.compile(r"cannot import name '(\w+)'")


def unavailable(module: str) -> tuple[str, str] | None:
    """Why no package brings a module, and the next step; None where one may."""
    return None if _known(module) else UNAVAILABLE.get(module.partition(".")[0])


def package_of(module: str) -> str:
    """The package that brings a module."""
    if known := _known(module):
        return known
    parts = module.split(".")
    if parts[0] in SHARED:
        deep = 3 if SHARED[parts[0]].intersection(parts[1:2]) else 2
        own = [part for part in parts[:deep] if part.islower()]  # others are classes
    else:
        own = parts[: 2 if is_shared(parts[0]) else 1]
    return "-".join(own).replace("_", "-")


def imported_module(name: str, line: str) -> str:
    """The module that a line of a script imports, of which Python names only the first part that it did not find."""
    found = re.search(rf"(?<![\w.]){re.escape(name)}(?:\.\w+)*(?: +import +\w+)?", line)
    return re.sub(" +import +", ".", found[0]) if found else name


def _known(module: str) -> str:
    parts = module.split(".")
    return next(filter(None, (PACKAGES.get(".".join(parts[:length])) for length in (3, 2, 1))), "")


def installed_package(module: str) -> tuple[str, str] | None:
    """Name and version of the installed package that has the top of a module; None where there is none."""
    top = module.partition(".")[0]
    found = packages_distributions().get(top, []) if top else []
    if not found or is_shared(top):
        return None
    own = {top.lower().replace("_", "-"), PACKAGES.get(top, "")}
    name = next((one for one in found if one.lower().replace("_", "-") in own), found[0])
    return name, version(name)


def requirement_for(error: ImportError) -> str:
    """The requirement that brings back a part which is known to be removed, such as 'mlflow<2'; empty for others."""
    part = _PART.search(str(error))
    name = f"{error.name}.{part[1]}" if part else error.name or ""
    return REMOVED.get(name, "")


def is_shared(top: str) -> bool:
    """Whether a module that has been imported is a namespace, to which each of several packages adds its part."""
    module = sys.modules.get(top)
    return module is not None and getattr(module, "__file__", None) is None
