"""The peer: what one writes by hand with FastAPI and onnxruntime. `uvicorn bench.scoring_peer:app --workers 2`."""

import os

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["BENCH_MODEL"], options, providers=["CPUExecutionProvider"])
names = [output.name for output in session.get_outputs()]
KINDS = {"float32": "FP32", "int64": "INT64"}
app = FastAPI()


class Tensor(BaseModel):
    name: str
    shape: list[int]
    datatype: str
    data: list[float]


class Request(BaseModel):
    inputs: list[Tensor]


@app.post("/v2/models/iris/infer")
async def infer(request: Request) -> dict:
    feed = {one.name: np.array(one.data, dtype=np.float32).reshape(one.shape) for one in request.inputs}
    results = session.run(None, feed)
    return {
        "model_name": "iris",
        "outputs": [
            {
                "name": name,
                "datatype": KINDS[result.dtype.name],
                "shape": list(result.shape),
                "data": result.ravel().tolist(),
            }
            for name, result in zip(names, results, strict=True)
        ],
    }
