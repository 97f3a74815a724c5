import json

import numpy as np
from azureml.monitoring import ModelDataCollector


def init():
    global inputs_dc, prediction_dc
    inputs_dc = ModelDataCollector("prices", designation="inputs", feature_names=["rooms", "area"])
    prediction_dc = ModelDataCollector("prices", designation="predictions", feature_names=["price"])


def run(raw_data):
    data = np.array(json.loads(raw_data)["data"])
    result = data.sum(axis=1)
    correlations = inputs_dc.collect(data, user_correlation_id="visit-7")
    prediction_data = prediction_dc.add_correlations(result.reshape(-1, 1), correlations)
    prediction_dc.collect(prediction_data)
    print(json.dumps({"event": "scored", "rows": len(data)}))
    return {"result": result.tolist(), "columns": sorted(correlations), "shape": list(prediction_data.shape)}
