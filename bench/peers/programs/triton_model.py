"""The model of Triton's Python backend: what came together is run together."""

import numpy as np
import triton_python_backend_utils as pb
from onnx_model import OnnxModel


class TritonPythonModel:
    def initialize(self, args: dict) -> None:
        self.onnx = OnnxModel()

    def execute(self, requests: list) -> list:
        feeds = [self.feed(request) for request in requests]
        if len(feeds) == 1:
            return [self.response(self.onnx.run(feeds[0]))]
        together = {name: np.concatenate([feed[name] for feed in feeds]) for name in self.onnx.dtypes}
        results, begin, responses = self.onnx.run(together), 0, []
        for feed in feeds:
            end = begin + len(next(iter(feed.values())))
            responses.append(self.response({name: result[begin:end] for name, result in results.items()}))
            begin = end
        return responses

    def feed(self, request) -> dict[str, np.ndarray]:
        return {name: pb.get_input_tensor_by_name(request, name).as_numpy() for name in self.onnx.dtypes}

    def response(self, results: dict[str, np.ndarray]):
        return pb.InferenceResponse([pb.Tensor(name, np.ascontiguousarray(value)) for name, value in results.items()])
