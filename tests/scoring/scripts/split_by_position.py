import json
import os

import numpy


def init():
    global weights, model_name, model_version
    # AZUREML_MODEL_DIR is azureml-models/<name>/<version>
    model_path = os.environ["AZUREML_MODEL_DIR"]
    parts = model_path.split("/")
    model_name, model_version = parts[-2], parts[-1]
    weights = numpy.load(os.path.join(model_path, f"{model_name}.npy"))


def run(data, request_headers):
    vector = numpy.array(json.loads(data)["data"])
    result = vector.dot(weights)
    # Demonstrate how we can log custom data
    print(
        (
            '{{"RequestId":"{0}", "TraceParent":"{1}", "NumberOfPredictions":{2}}}'.format(
                request_headers.get("X-Ms-Request-Id", ""), request_headers.get("Traceparent", ""), len(result)
            )
        )
    )
    return {"result": result.tolist(), "model": model_name, "version": model_version}
