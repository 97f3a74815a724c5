"""Which model a version's files hold, loaded. One branch for each way of keeping a model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from registry.conversion.inside.original import Original, Refused

SKLEARN_LIKE = frozenset({"scikit-learn", "xgboost", "lightgbm", "custom"})


def open_model(folder: Path, main_file: str, framework: str, notes: list[str]) -> Original:
    """`framework` is the version's. What people should know is added to `notes`. Raises `Refused`."""
    if (folder / "MLmodel").is_file():
        main_file, framework = _of_mlflow(folder)
    path = folder / main_file
    suffix = path.suffix.lower()
    if suffix == ".onnx" or framework == "onnx":
        from registry.conversion.inside.onnx_models import OnnxModel

        return OnnxModel(path)
    if suffix in {".pt", ".pt2", ".pth", ".ts"} or framework == "pytorch":
        from registry.conversion.inside.torch_models import open_torch

        return open_torch(path, folder)
    if framework == "catboost":
        from registry.conversion.inside.boosters import CatboostModel

        return CatboostModel(path)
    if booster := _native_booster(path, framework):
        return booster
    return _of_pickle(path, notes)


def _of_mlflow(folder: Path) -> tuple[str, str]:
    """The model's file in a folder of MLflow's, and its framework."""
    import yaml  # late: only environments for such folders have it

    flavors: Mapping[str, Any] = yaml.safe_load((folder / "MLmodel").read_text()).get("flavors", {})
    for flavor, framework in (
        ("sklearn", "scikit-learn"),
        ("xgboost", "xgboost"),
        ("lightgbm", "lightgbm"),
        ("catboost", "catboost"),
        ("onnx", "onnx"),
        ("pytorch", "pytorch"),
    ):
        found = flavors.get(flavor)
        if not found:
            continue
        name = str(found.get("pickled_model") or found.get("data") or found.get("model_data") or "model")
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise Refused("bad_mlmodel", f"MLmodel names {name[:100]}, which lies outside of the folder.")
        if path.is_dir():
            path = next(
                (one for one in sorted(path.iterdir()) if one.suffix in {".onnx", ".pth", ".pt2", ".pkl"}), path
            )
        return str(path.relative_to(folder.resolve())), framework
    raise Refused(
        "unknown_flavor",
        f"MLmodel has no flavour that is converted, only {', '.join(flavors)[:200]}.",
        hint="sklearn, xgboost, lightgbm, catboost, pytorch and onnx are.",
    )


def _native_booster(path: Path, framework: str) -> Original | None:
    """None for a pickle."""
    with path.open("rb") as file:
        head = file.read(16)
    if framework == "xgboost" and head[:1] in {b"{", b"b"} and not head.startswith(b"\x80"):
        import xgboost

        from registry.conversion.inside.boosters import XgboostModel

        booster = xgboost.Booster({"nthread": 1})
        booster.load_model(str(path))
        return XgboostModel(booster)
    if framework == "lightgbm" and head.startswith(b"tree"):
        import lightgbm

        from registry.conversion.inside.boosters import LightgbmModel

        return LightgbmModel(lightgbm.Booster(model_file=str(path)))
    return None


def _of_pickle(path: Path, notes: list[str]) -> Original:
    from registry.conversion.inside import pickles
    from registry.conversion.inside.sklearn_models import SklearnModel

    found = pickles.load(path, notes)
    name = type(found).__name__
    if name == "Booster" and type(found).__module__.startswith("xgboost"):
        from registry.conversion.inside.boosters import XgboostModel

        return XgboostModel(found)
    if name == "Booster" and type(found).__module__.startswith("lightgbm"):
        from registry.conversion.inside.boosters import LightgbmModel

        return LightgbmModel(found)
    if not hasattr(found, "get_params"):
        raise Refused(
            "not_an_estimator",
            f"{path.name} holds a {type(found).__module__}.{name}, which is no model that is converted.",
            hint="Estimators of scikit-learn, XGBoost and LightGBM are, and what is saved by these and CatBoost.",
        )
    return SklearnModel(_single_threaded(found))


def _single_threaded(estimator: Any) -> Any:
    """Both sides are measured on one thread."""
    for name in list(estimator.get_params()):
        if name == "n_jobs" or name.endswith("__n_jobs"):
            estimator.set_params(**{name: 1})
    return estimator
