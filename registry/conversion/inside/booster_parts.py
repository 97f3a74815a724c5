"""XGBoost and LightGBM: what of them is converted wrongly, what they know of their training, their converters.

Seen with onnxmltools 1.16.0, xgboost 3.2.0 and lightgbm 4.7.0. Their libraries are imported only where the model is
theirs.
"""

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from registry.conversion.inside.knowledge import thresholds_range
from registry.conversion.inside.original import Refused
from registry.conversion.inside.rows import Feature
from registry.conversion.inside.sklearn_refusals import HINT, parts_of

OPSET = {"": 18, "ai.onnx.ml": 3}
XGBOOST_OBJECTIVES = ("binary:logistic", "multi:softprob", "multi:softmax", "reg:squarederror", "reg:absoluteerror")
XGBOOST_OBJECTIVES += ("reg:pseudohubererror", "count:poisson", "reg:gamma", "reg:tweedie")
LIGHTGBM_OBJECTIVES = ("binary", "multiclass", "softmax", "regression", "regression_l1", "huber", "quantile", "poisson")
LIGHTGBM_OBJECTIVES += ("gamma", "tweedie", "l1", "l2", "mse", "mae", "mean_squared_error", "mean_absolute_error")


def library_of(part: Any) -> str:
    return type(part).__module__.partition(".")[0]


def check(estimator: Any) -> None:
    """Raises `Refused` for settings under which converters are silently wrong."""
    for part in parts_of(estimator):
        if library_of(part) == "xgboost":
            check_xgboost(part.get_booster(), part.get_params().get("missing", math.nan))
        elif library_of(part) == "lightgbm":
            check_lightgbm(part.booster_)


def check_xgboost(booster: Any, missing: Any = math.nan) -> None:
    facts = json.loads(booster.save_config())["learner"]
    objective, model = facts["objective"]["name"], facts["learner_model_param"]
    trees = facts["gradient_booster"]
    why = ""
    if trees["name"] != "gbtree":
        why = f"booster {trees['name']} has no converter"
    elif objective not in XGBOOST_OBJECTIVES:
        why = f"the objective {objective} comes out wrong without an error"
    elif int(model.get("num_target", "1")) > 1:
        why = "several targets come out wrong without an error"
    elif int(trees.get("gbtree_model_param", {}).get("num_parallel_tree", "1")) > 1:
        why = "num_parallel_tree above 1 gives a file that does not load"
    elif missing is not None and not (isinstance(missing, float) and math.isnan(missing)):
        why = f"a missing marker of {missing} is not kept"
    if why:
        raise Refused("conversion_refused", f"XGBoost is not converted to ONNX: {why}.", hint=HINT)


def check_lightgbm(booster: Any) -> None:
    parameters = {**lightgbm_parameters(booster), **(booster.params or {})}
    objective = str(parameters.get("objective", "")).split(" ")[0]
    sigmoid = float(parameters.get("sigmoid", 1) or 1)
    why = ""
    if objective in {"", "none", "custom"}:
        why = "it has no objective, so that nobody knows what its numbers are"
    elif objective not in LIGHTGBM_OBJECTIVES:
        why = f"the objective {objective} comes out wrong, or not at all"
    elif str(parameters.get("boosting", parameters.get("boosting_type", "gbdt"))) in {"rf", "random_forest"}:
        why = "boosting rf comes out wrong without an error"
    elif any(_is_on(parameters.get(name)) for name in ("linear_tree", "reg_sqrt", "zero_as_missing")):
        why = "linear_tree, reg_sqrt and zero_as_missing come out wrong without an error (onnxruntime issue 25623)"
    elif sigmoid != 1:
        why = f"a sigmoid of {sigmoid:g} is ignored"
    if why:
        raise Refused("conversion_refused", f"LightGBM is not converted to ONNX: {why}.", hint=HINT)


def lightgbm_parameters(booster: Any) -> dict[str, str]:
    """What the model's text says: [linear_tree: 0], and objective=binary sigmoid:1 in its head."""
    found: dict[str, str] = {}
    for line in booster.model_to_string(num_iteration=1).splitlines():
        if line.startswith("[") and ": " in line:
            name, _, value = line.strip("[]").partition(": ")
            found[name] = value
        elif line.startswith("objective="):
            words = line.removeprefix("objective=").split(" ")
            found |= {"objective": words[0]} | dict(word.split(":", 1) for word in words[1:] if ":" in word)
            found |= {"reg_sqrt": "1"} if "sqrt" in words else {}
    return found


def _is_on(value: Any) -> bool:
    return str(value).lower() in {"1", "true"}


def learn(last: Any, features: list[Feature]) -> None:
    """Ranges from the splits of a booster that stands alone."""
    library = library_of(last)
    if library == "xgboost" and getattr(last, "n_features_in_", 0) == len(features):
        learn_xgboost(last.get_booster(), features)
    elif library == "lightgbm" and getattr(last, "n_features_in_", 0) == len(features):
        learn_lightgbm(last.booster_, features)


def learn_xgboost(booster: Any, features: list[Feature]) -> None:
    names = {name: place for place, name in enumerate(booster.feature_names or [f"f{n}" for n in range(len(features))])}
    splits = [
        (names.get(node["split"], -1), node["split_condition"])
        for tree in booster.get_dump(dump_format="json")
        for node in _nodes(json.loads(tree), "children")
        if isinstance(node.get("split_condition"), int | float)
    ]
    _apply(splits, features)


def learn_lightgbm(booster: Any, features: list[Feature]) -> None:
    splits: list[tuple[int, float]] = []
    categorical: dict[int, set[int]] = {}
    for tree in booster.dump_model()["tree_info"]:
        for node in _nodes(tree["tree_structure"], "left_child", "right_child"):
            if node.get("decision_type") == "==":
                known = categorical.setdefault(node["split_feature"], set())
                known.update(int(value) for value in str(node["threshold"]).split("||"))
            elif isinstance(node.get("threshold"), int | float):
                splits.append((node["split_feature"], node["threshold"]))
    _apply(splits, features)
    for place, values in categorical.items():
        features[place].low, features[place].high, features[place].whole = 0.0, max(values) + 2.0, True


def _nodes(node: Any, *children: str) -> Iterator[dict[str, Any]]:
    waiting = [node]
    while waiting:
        one = waiting.pop()
        yield one
        for name in children:
            found = one.get(name, [])
            waiting += found if isinstance(found, list) else [found]


def _apply(splits: list[tuple[int, float]], features: list[Feature]) -> None:
    if not splits:
        return
    places, thresholds = np.array([one[0] for one in splits]), np.array([one[1] for one in splits], float)
    thresholds[np.abs(thresholds) > 1e30] = np.nan
    for one, low, high in zip(features, *thresholds_range([(places, thresholds)], len(features)), strict=True):
        if np.isfinite(low) and np.isfinite(high):
            one.low, one.high = float(low), float(high)


def opset(estimator: Any) -> dict[str, int] | None:
    """The newest that the converters know, where one of them has a part in it."""
    return OPSET if any(library_of(part) in {"xgboost", "lightgbm"} for part in parts_of(estimator)) else None


def register(estimator: Any) -> None:
    """Make their converters known to skl2onnx, if there are parts of theirs in a pipeline."""
    libraries = {library_of(part) for part in parts_of(estimator)}
    if "xgboost" in libraries:
        _register_xgboost()
    if "lightgbm" in libraries:
        _register_lightgbm()


def _register_xgboost() -> None:
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )
    from xgboost import XGBClassifier, XGBRegressor

    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    update_registered_converter(
        XGBClassifier, "XGBClassifier", calculate_linear_classifier_output_shapes, convert_xgboost, options=options
    )
    update_registered_converter(XGBRegressor, "XGBRegressor", calculate_linear_regressor_output_shapes, convert_xgboost)


def _register_lightgbm() -> None:
    from lightgbm import LGBMClassifier, LGBMRegressor
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
    from skl2onnx import update_registered_converter
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )

    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    update_registered_converter(
        LGBMClassifier, "LGBMClassifier", calculate_linear_classifier_output_shapes, convert_lightgbm, options=options
    )
    update_registered_converter(
        LGBMRegressor,
        "LGBMRegressor",
        calculate_linear_regressor_output_shapes,
        convert_lightgbm,
        options={"split": None},
    )
