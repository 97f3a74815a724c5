import json

import numpy as np
from azureml.core.model import Model
from sklearn.externals import joblib


def init():
    global model
    # the name under which the model was registered
    model_path = Model.get_model_path("prices.pkl")
    model = joblib.load(model_path)


def run(raw_data):
    data = np.array(json.loads(raw_data)["data"])
    y_hat = model.predict(data)
    return y_hat.tolist()
