"""Pure: the frameworks a version can be of, the other spellings people use, and a first guess from file names."""

from collections.abc import Iterable

from studio.core.errors import BadInput

CUSTOM = "custom"
FRAMEWORKS = (
    "onnx",
    "scikit-learn",
    "pytorch",
    "tensorflow",
    "keras",
    "xgboost",
    "lightgbm",
    "catboost",
    "safetensors",
    CUSTOM,
)
_SPELLINGS = {"sklearn": "scikit-learn", "scikitlearn": "scikit-learn", "torch": "pytorch", "tfkeras": "keras"} | {
    name.replace("-", ""): name for name in FRAMEWORKS
}
_BY_ENDING = {
    ".onnx": "onnx",
    ".pkl": "scikit-learn",
    ".pickle": "scikit-learn",
    ".joblib": "scikit-learn",
    ".skops": "scikit-learn",
    ".pt": "pytorch",
    ".pth": "pytorch",
    ".pt2": "pytorch",
    ".safetensors": "safetensors",
    ".keras": "keras",
    ".h5": "keras",
    ".hdf5": "keras",
    ".pb": "tensorflow",
    ".ubj": "xgboost",
    ".cbm": "catboost",
}


def canonical(name: str) -> str:
    """The one spelling of a framework ('ScikitLearn' is 'scikit-learn'); empty stays empty.

    Raises `BadInput` for one that is not known.
    """
    text = name.strip().lower()
    if not text:
        return ""
    found = _SPELLINGS.get(text.replace("-", "").replace("_", "").replace(" ", ""))
    if found is None:
        raise BadInput(
            f"'{name[:40]}' is not a framework that the studio knows.",
            hint=f"Use one of {', '.join(FRAMEWORKS)}.",
            field="framework",
        )
    return found


def guess(paths: Iterable[str]) -> str:
    """What the names suggest until somebody looks inside."""
    names = [path.lower() for path in paths]
    for ending, framework in _BY_ENDING.items():
        if any(name.endswith(ending) for name in names):
            return framework
    return CUSTOM
