"""The main job from start to end, as a program: `python -m tests.main_job FOLDER`, at home where HOME says.

A studio starts with FOLDER/studio as its data folder. A model is registered and deployed, and so is a script that
imports onnxruntime; both score.
"""

import sys
import tempfile
from pathlib import Path

from slipway import Client
from tests.stack import ROOT, Stack

IRIS = ROOT / "samples" / "iris"
SCRIPT = """
import onnxruntime

def init():
    pass

def run(data):
    return onnxruntime.get_available_providers()
"""


def main(folder: Path) -> None:
    with Stack(folder / "studio") as studio:  # not named on our command line: it would be ended with the studio
        with Client(studio.address) as stranger:
            token = stranger.sign_in(studio.username, studio.password or "", "default")["token"]
        with Client(studio.address, token, "default") as client:
            work(client)


def work(client: Client) -> None:
    client.register_model("iris", [IRIS / "model.onnx"])
    client.wait_for_version("iris:1")
    client.deploy("plain", ["iris:1"])
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "score.py"
        script.write_text(SCRIPT)
        config = client.configs.create("own", "score.py", {"score.py": script})["id"]
    client.deploy("scripted", ["iris:1"], config=config)
    for name in ("plain", "scripted"):
        client.wait_for(name, {"Healthy"})
        answer = client.score(name, (IRIS / "sample-data.json").read_bytes())
        assert answer.status == 200, answer.text


if __name__ == "__main__":
    main(Path(sys.argv[1]))
