"""The requests to every model, and ONNX Runtime's own results for them; models are built once and kept."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnxruntime

from bench import models
from bench.environment import CACHE

Arrays = dict[str, np.ndarray]
TOKENS = 32
TOLERANCE = 1e-4  # of the largest value: threads and batches add floats in another order


@dataclass(frozen=True)
class Question:
    """One request's inputs, and the right answer to them."""

    model: str
    file: Path
    inputs: Arrays
    expected: Arrays

    def is_right(self, answer: Arrays) -> bool:
        """Every expected output is there, with the same shape and values."""
        return all(name in answer and _same(answer[name], value) for name, value in self.expected.items())


def ask(model: str, count: int = 1) -> list[Question]:
    """Different questions for a model, the first always the same one."""
    file = model_file(model)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    chance = np.random.default_rng(11)
    asked = []
    for _ in range(count):
        inputs = INPUTS[model](chance)
        asked.append(Question(model, file, inputs, dict(zip(names, session.run(None, inputs), strict=True))))
    return asked


def model_file(model: str) -> Path:
    """The ONNX file, built where this version of bench/models.py has not built it yet."""
    made = sha256(Path(models.__file__).read_bytes()).hexdigest()[:10]
    file = CACHE / f"models-{made}" / model / "model.onnx"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        models.MODELS[model](file.with_suffix(".new"))
        file.with_suffix(".new").rename(file)
    return file


def _same(found: np.ndarray, expected: np.ndarray) -> bool:
    if found.shape != expected.shape:
        return False
    largest = max(1.0, float(np.abs(expected).max()))
    return bool(np.abs(found.astype(np.float64) - expected).max() <= TOLERANCE * largest)


def _numbers(*shape: int, decimals: int = 4, scale: float = 1.0):
    """Rounded, so that the text of a value is as long as people's values are."""
    return lambda chance: {"x": (chance.standard_normal(shape) * scale).round(decimals).astype(np.float32)}


def _tokens(chance: np.random.Generator) -> Arrays:
    ids = chance.integers(1000, models.VOCABULARY, (1, TOKENS), dtype=np.int64)
    return {"input_ids": ids, "attention_mask": np.ones((1, TOKENS), np.int64)}


INPUTS = {
    "tiny": _numbers(1, 4, decimals=1, scale=3),
    "tabular": _numbers(1, 30, decimals=2, scale=50),
    "cnn": _numbers(1, 3, 224, 224),
    "transformer": _tokens,
}
