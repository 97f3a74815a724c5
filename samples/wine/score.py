"""Entry script of the wine sample: `init()` loads the pipeline once, `run()` answers a request.

The body is {"data": [[13 measurements], ...]}, as in sample-data.json.
"""

import json
import os

import joblib

GROWERS = ["grower 1", "grower 2", "grower 3"]
model = None


def init():
    global model  # noqa: PLW0603 - how entry scripts keep what init() loaded
    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.joblib"))


def run(data):
    rows = json.loads(data)["data"]
    labels = [int(label) for label in model.predict(rows)]
    return {"labels": labels, "growers": [GROWERS[label] for label in labels]}
