import json
import os
import pickle

import network.layers
from network import Net


def init():
    global net
    net = Net()
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "state.pkl"), "rb") as file:
        net.load_state_dict(pickle.load(file))
    net.eval()


def run(input_data):
    return {"result": [network.layers.relu(x) for x in net(json.loads(input_data)["data"])]}
