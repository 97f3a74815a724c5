import json
import os
import pickle

import joblib
import numpy
import sklearn


def init():
    global model
    model_path = os.path.join(os.getenv("AZUREML_MODEL_DIR"), "outputs", "model.joblib")
    model = joblib.load(model_path)


# what it returns is JSON already
def run(data):
    try:
        rows = numpy.array(json.loads(data)["data"])
        result = model.predict(rows)
    except Exception as e:
        error = str(e)
        return json.dumps({"error": error})
    return json.dumps({"result": result.tolist()})
