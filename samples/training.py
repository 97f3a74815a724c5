"""What the training scripts share: the split, the ONNX file without chance or date in it, the sample requests."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split

HERE = Path(__file__).resolve().parent
SEED = 7
OPSET = {"": 18, "ai.onnx.ml": 3}


def split(data: Any, *, by_class: bool = True) -> list[np.ndarray]:
    """Three quarters to learn from, one quarter held out: features, held-out features, answers, held-out answers."""
    features, answers = data.data.astype(np.float32), data.target
    return train_test_split(
        features, answers, test_size=0.25, random_state=SEED, stratify=answers if by_class else None
    )


def save_onnx(model: BaseEstimator, features: np.ndarray, folder: str) -> None:
    """One float input `features` of shape [any, n]; classifiers give `label` and `probabilities` as tensors."""
    from skl2onnx import to_onnx  # the slow import, needed only here
    from skl2onnx.common.data_types import FloatTensorType

    classifies = hasattr(model, "predict_proba")
    graph = to_onnx(
        model,
        initial_types=[("features", FloatTensorType([None, features.shape[1]]))],
        options={"zipmap": False} if classifies else None,
        target_opset=OPSET,
        name=folder,
    )
    rename_outputs(graph, ["label", "probabilities"] if classifies else ["prediction"])
    graph.doc_string = ""
    (HERE / folder / "model.onnx").write_bytes(graph.SerializeToString(deterministic=True))


def rename_outputs(graph: Any, names: list[str]) -> None:
    """Give the graph's outputs names that say what they are."""
    for output, name in zip(graph.graph.output, names, strict=True):
        for node in graph.graph.node:
            node.output[:] = [name if each == output.name else each for each in node.output]
            node.input[:] = [name if each == output.name else each for each in node.input]
        output.name = name


def save_requests(rows: np.ndarray, folder: str) -> None:
    """The same rows as an Open Inference Protocol request and as {"data": [...]}."""
    values = [[round(float(value), 4) for value in row] for row in rows]
    flat = [value for row in values for value in row]
    tensor = {"name": "features", "shape": list(rows.shape), "datatype": "FP32", "data": flat}
    for name, request in (("sample.json", {"inputs": [tensor]}), ("sample-data.json", {"data": values})):
        (HERE / folder / name).write_text(json.dumps(request, indent=1) + "\n")


def report(folder: str, **figures: float) -> None:
    """Print what the model card and the manifest say; tests/registry/versions/test_samples.py measures it again."""
    print(folder, json.dumps({name: round(float(value), 4) for name, value in figures.items()}))
