import json

import joblib
from azureml.core import Model
from azureml.core.run import Run


def init():
    global prices, words
    prices = joblib.load(Model.get_model_path(model_name="prices.v2.pkl", _workspace=None))
    with open(Model.get_model_path("words", version=1)) as file:
        words = file.read().split()


def run(data):
    asked = json.loads(data)
    run = Run.get_context()
    run.log("rows", len(asked["data"]))
    return {"prices": prices.predict(asked["data"]).tolist(), "words": words}
