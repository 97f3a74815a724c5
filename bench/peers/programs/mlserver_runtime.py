"""MLServer's custom runtime."""

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput
from onnx_model import OnnxModel

DATATYPES = {"float32": "FP32", "int64": "INT64"}


class OnnxRuntime(MLModel):
    async def load(self) -> bool:
        self.onnx = OnnxModel(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        feed = {one.name: NumpyCodec.decode_input(one) for one in payload.inputs}
        outputs = [
            ResponseOutput(
                name=name,
                shape=list(result.shape),
                datatype=DATATYPES[result.dtype.name],
                data=result.ravel().tolist(),
            )
            for name, result in self.onnx.run(feed).items()
        ]
        return InferenceResponse(model_name=self.name, outputs=outputs)
