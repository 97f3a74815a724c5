"""Makes `data-0.1.0.tar.xz`: the data folder of a studio of version 0.1.0, and what its users saw.

    git worktree add /tmp/slipway-0.1.0 9407d29 && cd /tmp/slipway-0.1.0 && make setup-dev
    .venv/bin/python <this checkout>/tests/upgrade/make_fixture.py <this checkout>/tests/upgrade/data-0.1.0.tar.xz

It runs with the old checkout's Python in the old checkout, needs a package index, and takes a minute. Everything in
the studio is made by the old build's own pages, REST API and Python client. The archive holds:

    data/           the data folder as the stopped studio left it, but for what is made again (old_studio.LEFT_OUT)
    record.json     what the studio and its services answered, and how the services were started

The keys in `data/*.key`, the passwords and the tokens were made for this archive and protect nothing.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import onnx
import psutil
from old_studio import OldStudio, pack, until  # beside this file: the old checkout has no such package
from onnx import TensorProto, helper

from slipway import Client

ADMIN, MEMBER = ("admin", "upgrade-test-only-1"), ("ada", "upgrade-test-only-2")
LAB = {"admin": "admin", "ada": "viewer"}  # roles in the second workspace
ROWS = {"data": [[1.0, 2.0], [3.0, 4.0]]}
ALL_OPTIONS = {
    "cpu": 0.5,
    "memory_gb": 0.5,
    "processes": 1,
    "grpc": True,
    "environment_variables": {"COLOUR": "blue"},
    "start_deadline_seconds": 120,
    "scoring_timeout_seconds": 7.5,
    "max_body_mb": 5,
    "server": {
        "batching": {"rows": 8, "delay_seconds": 0.001},
        "queue_limit": 50,
        "cors_origins": ["https://example.com"],
        "log_format": "json",
        "warm_up": {"body": ROWS, "runs": 2},
    },
}
SCRIPT = """
import json
import sys
from pathlib import Path

def init():
    print("greeter starts")

def run(data):
    environment = Path(sys.prefix)
    own = environment.name if environment.parent.name == "environments" else None
    return {"environment": own, "sum": sum(map(sum, json.loads(data)["data"]))}
"""
BROKEN = """
def init():
    raise RuntimeError("this script never starts")

def run(data):
    return None
"""


def main(archive: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="slipway-0.1.0-") as folder:
        studio = OldStudio(Path(folder) / "data", ADMIN[1])
        try:
            studio.start()
            record = Maker(studio, Path(folder)).make()
            studio.stop()
            record["made_at"] = time.time()
            pack(studio.data, record, archive)
        finally:
            studio.kill_everything()
    sys.stdout.write(f"{archive}: {archive.stat().st_size:,} bytes\n")


class Maker:
    """Does what people do, and writes down what they are shown."""

    def __init__(self, studio: OldStudio, folder: Path) -> None:
        self.studio, self.folder = studio, folder
        with Client(studio.url) as stranger:
            token = stranger.sign_in(*ADMIN, "default")["token"]
        self.client = Client(studio.url, token, "default")
        self.http = httpx.Client(base_url=f"{studio.url}/api/v1/", headers={"Authorization": f"Bearer {token}"})

    def make(self) -> dict[str, Any]:
        people = self.people()
        self.models()
        self.services()
        answers = {name: self.ask(name) for name in ("scale", "greeter", "sleeper")}
        keys = {name: self.get(f"services/{name}/keys") for name in ("scale", "sleeper", "resting")}
        until(lambda: self.client.metrics("scale")["total"]["requests"] == self.sent, "all requests are counted")
        upload = self.half_an_upload()
        collected = self.collected()
        self.leave_work_unfinished()
        return {
            "data": str(self.studio.data),
            "python": sys.executable,
            "studio": self.studio.url,
            "port": self.studio.port,
            **people,
            "keys": keys,
            "rows": ROWS,
            "answers": answers,
            "logs": {name: self.get(f"services/{name}/logs")["text"] for name in ("greeter", "failing")},
            "upload": upload,
            "collected": collected,
            "rest": {path: self.get(path) for path in self.shown()},
            "started": {name: self.how_it_was_started(name) for name in ("scale", "greeter", "leaving")},
        }

    def people(self) -> dict[str, Any]:
        self.studio.add_person(*MEMBER)
        self.post("members", {"username": "ada", "role": "contributor"})
        tokens = {
            "writes": self.post("tokens", {"name": "for the pipeline", "access": "write", "days": None}),
            "reads": self.post("tokens", {"name": "for the dashboard", "access": "read", "days": 90}),
            "revoked": self.post("tokens", {"name": "was lost", "access": "read", "days": None}),
        }
        self.http.delete(f"workspaces/default/tokens/{tokens['revoked']['id']}").raise_for_status()
        secrets = {name: token["token"] for name, token in tokens.items()}
        with httpx.Client(base_url=self.studio.url) as session:  # a token is bound to a workspace and cannot make one
            session.get("/sign-in/")
            fields = {"username": ADMIN[0], "password": ADMIN[1]}
            session.post("/sign-in/", data=fields, headers={"X-CSRFToken": session.cookies["csrftoken"]})
            headers = {"X-CSRFToken": session.cookies["csrftoken"]}
            body = {"slug": "lab", "name": "The laboratory"}
            session.post("/api/v1/workspaces", json=body, headers=headers).raise_for_status()
            member = {"username": "ada", "role": LAB["ada"]}
            session.post("/api/v1/workspaces/lab/members", json=member, headers=headers).raise_for_status()
            cookies = dict(session.cookies)
        return {"passwords": dict([ADMIN, MEMBER]), "tokens": secrets, "cookies": cookies, "lab": LAB}

    def models(self) -> None:
        for number, factor in ((1, 2.0), (2, 3.0)):
            file = self.folder / "model.onnx"
            file.write_bytes(scaling_model(factor))
            (self.folder / "README.md").write_text(f"Multiplies by {factor}.\n")
            facts = {"tags": {"area": "demo", "stage": "draft"}, "properties": {"factor": factor}}
            paths: list[str | Path] = [file, self.folder / "README.md"]
            self.client.register_model("scale", paths, description=f"Times {factor}.", **facts)
            self.client.wait_for_version(f"scale:{number}")
        self.client.register_model("brief", [self.folder / "model.onnx"])
        self.client.wait_for_version("brief:1")
        (self.folder / "broken.onnx").write_bytes(b"this is no model")
        self.client.register_model("broken", [self.folder / "broken.onnx"])
        until(lambda: self.get("versions/broken:1")["state"] == "rejected", "the broken file is rejected")

    def services(self) -> None:
        environment = self.client.environments.create("tools", ["packaging==24.2"])["id"]
        script, broken = self.folder / "score.py", self.folder / "broken.py"
        script.write_text(SCRIPT)
        broken.write_text(BROKEN)
        own = self.client.configs.create("greeting", "score.py", {"score.py": script}, environment)["id"]
        curated = self.client.configs.create("summing", "score.py", {"score.py": script})["id"]
        never = self.client.configs.create("never", "broken.py", {"broken.py": broken})["id"]
        self.client.deploy("scale", ["scale:1"], description="Doubles, then triples.")
        self.client.deploy("greeter", ["scale:1"], config=own, deployment_config={"token_auth": True})
        collect = {"server": {"collect": {"seconds": 1}}}
        self.client.deploy("sleeper", ["scale:2"], config=curated, deployment_config=collect)
        self.client.deploy("resting", ["scale:1"], deployment_config=ALL_OPTIONS)
        self.client.deploy("failing", ["scale:1"], config=never)
        self.client.deploy("leaving", ["brief:1"], deployment_config={"auth": False})
        for name in ("scale", "greeter", "sleeper", "resting", "leaving"):
            self.client.wait_for(name, {"Healthy"})
        self.client.wait_for("failing", {"Failed"})
        self.client.stop("resting")
        self.client.wait_for("resting", {"Stopped"})
        self.sent = sum(self.client.score("scale", json.dumps(ROWS).encode()).status == 200 for _ in range(20))
        self.client.deploy("scale", ["scale:2"], overwrite=True, reason="Three is more than two.")
        until(lambda: self.get("services/scale")["observed_revision"] == 2, "the update runs")
        self.client.wait_for("scale", {"Healthy"})

    def ask(self, name: str) -> Any:
        score = self.client.score(name, json.dumps(ROWS).encode())
        if name == "scale":
            self.sent += 1
        return json.loads(score.text)

    def half_an_upload(self) -> dict[str, Any]:
        content = scaling_model(5.0)
        upload = self.post("uploads", {"path": "model.onnx", "size": len(content)})
        headers, params = {"Content-Type": "application/octet-stream"}, {"offset": 0}
        path = f"workspaces/default/uploads/{upload['id']}"
        self.http.put(path, params=params, content=content[:100], headers=headers).raise_for_status()
        return self.get(f"uploads/{upload['id']}") | {"content": content.hex()}

    def collected(self) -> list[str]:
        """Ids of the requests that the service `sleeper` has collected: files that belong to its owner."""

        def ids() -> list[str]:
            files = self.studio.data.glob("services/*/collected/*.jsonl")
            return [json.loads(line)["id"] for file in files for line in file.read_text().splitlines()]

        until(ids, "collected data is complete")
        return ids()

    def leave_work_unfinished(self) -> None:
        """When the studio stops, nobody has begun an inspection, a build and the removal of a service."""
        for worker in ("heavy", "quick"):
            self.studio.suspend(worker)
        (self.folder / "model.onnx").write_bytes(scaling_model(4.0))
        self.client.register_model("late", [self.folder / "model.onnx"])
        self.client.deploy("waiting", ["scale:1"], deployment_config={"environment_variables": {"COLOUR": "red"}})
        self.client.delete_service("leaving")

    def shown(self) -> list[str]:
        """Addresses whose answers must be the same afterwards."""
        names = ("scale", "greeter", "sleeper", "resting", "failing", "waiting")
        lists = ("members", "tokens", "models", "versions", "environments", "configs", "services", "events")
        return [
            *(f"{name}?page_size=200" for name in lists),
            *(f"services/{name}" for name in names),
            *(f"services/{name}/metrics?range=7d" for name in ("scale", "greeter")),
        ]

    def how_it_was_started(self, name: str) -> dict[str, Any]:
        """The run folder, command line and variables that the old driver gave the service, read from its processes."""
        for status in self.studio.data.glob("services/*/status.json"):
            folder = status.parent
            if json.loads((folder / "run.json").read_text())["service"] == name:
                keeper = psutil.Process(json.loads(status.read_text())["pid"]).parent()
                assert keeper is not None
                return {"folder": folder.name, "command": keeper.cmdline(), "environment": keeper.environ()}
        raise AssertionError(f"{name} does not run")

    def get(self, path: str) -> Any:
        return self.http.get(f"workspaces/default/{path}").raise_for_status().json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.http.post(f"workspaces/default/{path}", json=body).raise_for_status().json()


def scaling_model(factor: float) -> bytes:
    """An ONNX file: `scaled` = `data` * factor, rows of two numbers."""
    given = helper.make_tensor_value_info("data", TensorProto.FLOAT, ["rows", 2])
    answer = helper.make_tensor_value_info("scaled", TensorProto.FLOAT, ["rows", 2])
    constant = helper.make_tensor("factor", TensorProto.FLOAT, [1], [factor])
    graph = helper.make_graph(
        [helper.make_node("Mul", ["data", "factor"], ["scaled"])], "scale", [given], [answer], [constant]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
