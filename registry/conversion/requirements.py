"""What a conversion installs: the model's own library, in the version that its files tell, and the converters. Pure.

Protobuf stays below 7: with it no histogram gradient boosting is converted (skl2onnx 1.20.0). ONNX Runtime is the one
that services of this studio have.
"""

from collections.abc import Iterable, Mapping
from importlib.metadata import version as installed_version
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from studio.core.errors import BadInput

TOOLS = ("onnx>=1.16", "onnxslim>=0.1.40", "protobuf<7")
SKLEARN = ("scikit-learn", "skl2onnx>=1.17")
LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "scikit-learn": SKLEARN,
    "xgboost": (*SKLEARN, "onnxmltools>=1.14", "xgboost-cpu"),
    "lightgbm": (*SKLEARN, "onnxmltools>=1.14", "lightgbm"),
    "catboost": ("catboost",),
    "pytorch": ("torch", "onnxscript"),
    "onnx": (),
}
OWN_VERSION = {"scikit-learn": "scikit-learn", "pytorch": "torch", "lightgbm": "lightgbm", "catboost": "catboost"}
ALSO = {"xgboost-cpu": ("xgboost", "xgboost-cpu"), "torch": ("torch",)}  # which names of others stand for it
BY_CLASS = {  # what else classes of a pickle need
    "xgboost": ("xgboost-cpu", "onnxmltools>=1.14"),
    "lightgbm": ("lightgbm", "onnxmltools>=1.14"),
    "pandas": ("pandas",),
    "imblearn": ("imbalanced-learn",),
}
NOT_CONVERTED = {
    "tensorflow": "TensorFlow's converter, tf2onnx, does not go with the protobuf and NumPy of today",
    "keras": "Keras exports ONNX itself: model.export('model.onnx', format='onnx')",
    "safetensors": "the file holds numbers without the program that uses them",
}


def requirements_for(
    framework: str, framework_version: str, facts: Mapping[str, Any], given: Iterable[str] | None = None
) -> list[str]:
    """`facts` are those of the inspection; `given` are the requirements of an environment that a person names, which
    win. Raises `BadInput` for a framework that is not converted."""
    flavors = [name.replace("sklearn", "scikit-learn") for name in facts.get("mlflow_flavors") or ()]
    found = next((name for name in (framework, *flavors) if name in LIBRARIES), "")
    if not found:
        raise _not_converted(framework)
    wanted = [f"onnxruntime=={installed_version('onnxruntime')}", *TOOLS]
    wanted += ["pyyaml"] if flavors else []
    wanted += _with_version(found, framework_version)
    classes = [str(name) for name in facts.get("globals") or ()]
    for module, packages in BY_CLASS.items():
        wanted += packages if any(name.split(".")[0] == module for name in classes) else ()
    wanted += ["pandas"] if any("column_transformer" in name for name in classes) else []
    wanted += ["skops"] if facts.get("format") == "skops" else []
    return _together(list(given or ()), list(dict.fromkeys(wanted)))


def _with_version(framework: str, version: str) -> list[str]:
    own = OWN_VERSION.get(framework)
    return [f"{name}=={version}" if version and name == own else name for name in LIBRARIES[framework]]


def _together(given: list[str], wanted: list[str]) -> list[str]:
    """What a person pins is not asked for again."""
    names = {_name(line) for line in given}
    return [*given, *(line for line in wanted if not names.intersection(ALSO.get(_name(line), (_name(line),))))]


def _name(line: str) -> str:
    try:
        return canonicalize_name(Requirement(line).name)
    except InvalidRequirement:  # an option such as --find-links
        return line


def _not_converted(framework: str) -> BadInput:
    why = NOT_CONVERTED.get(framework, "nobody knows what its files are")
    return BadInput(
        f"A model of {framework} is not converted to ONNX here: {why}.",
        hint=f"These are: {', '.join(name for name in LIBRARIES if name != 'onnx')}. "
        "Export it to ONNX yourself, register the file, and optimise that version.",
        code="not_converted",
        field="model",
    )
