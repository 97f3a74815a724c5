"""KServe's model server. Workers are spawned with the model pickled, which a session cannot be: each opens its own."""

import os

import kserve
from kserve import InferOutput, InferRequest, InferResponse
from kserve.utils.utils import generate_uuid
from onnx_model import OnnxModel

DATATYPES = {"float32": "FP32", "int64": "INT64"}


class Onnx(kserve.Model):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.load()

    def load(self) -> bool:
        self.onnx = OnnxModel()
        self.ready = True
        return True

    def __getstate__(self) -> dict:
        return {name: value for name, value in self.__dict__.items() if name != "onnx"}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        self.load()

    async def predict(self, payload: InferRequest, headers: dict | None = None, response_headers=None) -> InferResponse:
        feed = {one.name: one.as_numpy() for one in payload.inputs}
        binary = payload.use_binary_outputs
        outputs = []
        for name, result in self.onnx.run(feed).items():
            output = InferOutput(name=name, shape=list(result.shape), datatype=DATATYPES[result.dtype.name])
            output.set_data_from_numpy(result, binary_data=binary)
            outputs.append(output)
        return InferResponse(payload.id or generate_uuid(), self.name, outputs, use_binary_outputs=binary)


if __name__ == "__main__":
    kserve.ModelServer().start([Onnx(os.environ["BENCH_NAME"])])
