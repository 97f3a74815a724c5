import os

import joblib
import numpy as np
from inference_schema.parameter_types.numpy_parameter_type import NumpyParameterType
from inference_schema.schema_decorators import input_schema, output_schema


def init():
    global model
    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "prices.pkl"))


input_sample = np.array([[10.0, 9.0]])
output_sample = np.array([3726.995])


@input_schema("data", NumpyParameterType(input_sample))
@output_schema(NumpyParameterType(output_sample))
def run(data, request_headers):
    assert data.dtype == np.float64
    predictions = model.predict(data)
    return {"result": predictions.tolist(), "tenant": request_headers.get("X-Tenant", "nobody")}
