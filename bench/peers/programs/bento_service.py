"""BentoML's service."""

import os
from typing import Any

import bentoml
from onnx_model import OnnxModel


@bentoml.service(
    workers=int(os.environ["BENCH_WORKERS"]), metrics={"enabled": False}, logging={"access": {"enabled": False}}
)
class Onnx:
    def __init__(self) -> None:
        self.onnx = OnnxModel()

    @bentoml.api
    async def predict(self, inputs: dict[str, Any]) -> dict[str, Any]:
        feed = {name: self.onnx.array(name, values) for name, values in inputs.items()}
        return {name: result.tolist() for name, result in self.onnx.run(feed).items()}
