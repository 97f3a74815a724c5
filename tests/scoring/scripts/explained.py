import json
import os
import pickle


class Explainer:
    """Local importance of every feature: its share of the sum."""

    def __init__(self, names):
        self.names = names

    def explain_local(self, row):
        total = sum(row) or 1
        return {name: value / total for name, value in zip(self.names, row)}


def init():
    global explainer
    explainer = pickle.loads(pickle.dumps(Explainer(["rooms", "area"])))  # a class of this file is found again


def run(raw_data):
    data = json.loads(raw_data)["data"]
    return {
        "predictions": [sum(row) for row in data],
        "local_importance_values": [explainer.explain_local(row) for row in data],
    }
