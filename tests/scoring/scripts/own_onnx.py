import json
import os
import time

import numpy as np
import onnxruntime


def init():
    global session, input_name, output_name
    model = os.path.join(os.getenv("AZUREML_MODEL_DIR"), "model", "double.onnx")
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    input_name = session.get_inputs()[0].name
    output_name = session.get_outputs()[0].name


def run(input_data):
    try:
        data = np.array(json.loads(input_data)["data"]).astype("float32")
        start = time.time()
        r = session.run([output_name], {input_name: data})[0]
        end = time.time()
        return {"result": r.tolist(), "quick": end - start < 10}
    except Exception as e:
        return {"error": str(e)}
