"""FastAPI by hand: the Open Inference Protocol as pydantic models. `uvicorn fastapi_app:app` or `…:async_app`."""

from fastapi import FastAPI
from onnx_model import OnnxModel
from pydantic import BaseModel

DATATYPES = {"float32": "FP32", "int64": "INT64"}
model = OnnxModel()
app, async_app = FastAPI(), FastAPI()


class Tensor(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Request(BaseModel):
    inputs: list[Tensor]


def answer(name: str, request: Request) -> dict:
    feed = {one.name: model.array(one.name, one.data).reshape(one.shape) for one in request.inputs}
    outputs = [
        {
            "name": output,
            "datatype": DATATYPES[result.dtype.name],
            "shape": list(result.shape),
            "data": result.ravel().tolist(),
        }
        for output, result in model.run(feed).items()
    ]
    return {"model_name": name, "outputs": outputs}


@app.post("/v2/models/{name}/infer")
def infer(name: str, request: Request) -> dict:
    return answer(name, request)


@async_app.post("/v2/models/{name}/infer")
async def infer_on_loop(name: str, request: Request) -> dict:
    return answer(name, request)
