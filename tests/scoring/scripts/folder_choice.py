import json
import os
from pathlib import Path

models = {}


def init():
    root = Path(os.getenv("AZUREML_MODEL_DIR")) / "models"
    for path in root.glob("*.json"):
        models[path.stem] = json.loads(path.read_text())


def run(raw_data):
    request = json.loads(raw_data)
    name = request.get("model", "linear")
    if name not in models:
        return {"error": "unknown model %s, known: %s" % (name, sorted(models))}
    slope, offset = models[name]["slope"], models[name]["offset"]
    return [slope * x + offset for x in request["data"]]
