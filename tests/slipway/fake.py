"""A studio that answers from memory, for tests of the client: the contract of REST, and faults on demand."""

import hashlib
import json
from urllib.parse import parse_qs

import httpx

TOKEN = "slw_good"
CLIENT_KEY = {
    "hint": "abcdef",
    "created_at": "2026-11-21T04:00:00Z",
    "expires_at": None,
    "requests_a_day": None,
    "rows_a_day": None,
    "rows_today": 40,
    "rows": 900,
    "requests_today": 7,
    "requests": 700,
}


class FakeStudio:
    """Its `handle` is an httpx mock transport's handler.

    `faults` are taken first, one for each request they fit: (method, ending of the path, what happens), where what
    happens is an exception to raise or a response.
    """

    def __init__(self, chunk_bytes=4):
        self.chunk_bytes = chunk_bytes
        self.requests = []
        self.bodies = []  # of the requests, as they came
        self.faults = []
        self.uploads = {}
        self.versions = {}
        self.services = {}
        self.states = {}  # service name to the states it goes through, one for each look
        self.inspections = ["ready"]
        self.configs = []
        self.environments = {}
        self.members = {"alice": "admin"}
        self.tokens = {}
        self.invitations = {}
        self.events = []
        self.signed_out = []
        self.revisions = []
        self.environment_warnings = []
        self.version_warnings = []
        self.log = {"service": "", "build": ""}
        self.reloads = []
        self.secrets = 1  # made for signing tokens so far
        self.score = answer([1])
        self.scored_at = None

    def handle(self, request):
        path = request.url.path.removeprefix("/api/v1/")
        self.requests.append((request.method, path))
        self.bodies.append(request.content)
        if fault := self.fault_for(request.method, path):
            return fault
        if path == "sign-in":
            return self.sign_in(json.loads(request.content))
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return error(401, "token_unknown", "This token is not known here.")
        if path == "sign-out":
            self.signed_out.append(request.headers["Authorization"])
            return httpx.Response(204)
        if path == "me":
            return httpx.Response(200, json={"username": "alice", "workspaces": [{"slug": "vision", "name": "Vision"}]})
        if (request.method, path) == ("PATCH", "workspaces/vision"):
            return httpx.Response(200, json={"slug": "vision"} | json.loads(request.content))
        _, workspace, kind, *rest = path.split("/", 3)
        if workspace != "vision":
            return error(404, "not_found", f"There is no workspace '{workspace}' that you can see.")
        return getattr(self, f"on_{kind.replace('-', '_')}")(request, rest[0] if rest else "")

    def fault_for(self, verb, path):
        fitting = [fault for fault in self.faults if fault[0] == verb and path.endswith(fault[1])]
        if not fitting:
            return None
        self.faults.remove(fitting[0])
        if isinstance(fitting[0][2], httpx.Response):
            return fitting[0][2]
        raise fitting[0][2]

    def sign_in(self, given):
        if given["password"] != "correct":
            return error(401, "sign_in_failed", "Name or password is wrong.")
        return httpx.Response(
            200, json={"token": TOKEN, "workspace": given.get("workspace", "vision"), "expires_at": "2027-01-01"}
        )

    def on_uploads(self, request, rest):
        if request.method == "GET" and not rest:
            moved = {"created_at": "2026-11-21T04:00:00Z", "touched_at": "2026-11-21T04:00:00Z"}
            return page(request, [self.shown(upload) | moved for upload in self.uploads.values()])
        if request.method == "POST" and not rest:
            given = json.loads(request.content)
            upload = {"id": f"u{len(self.uploads) + 1}", **given, "data": b"", "complete": False}
            self.uploads[upload["id"]] = upload
            return httpx.Response(201, json=self.shown(upload))
        key, _, verb = rest.partition("/")
        upload = self.uploads.get(key)
        if upload is None:
            return error(404, "not_found", "There is no such upload.")
        if request.method == "DELETE":
            del self.uploads[key]
            return httpx.Response(204)
        if request.method == "PUT":
            return self.append(upload, int(parse_qs(request.url.query.decode())["offset"][0]), request.content)
        if verb == "complete":
            digest = hashlib.sha256(upload["data"]).hexdigest()
            if json.loads(request.content)["sha256"] != digest or len(upload["data"]) != upload["size"]:
                return error(400, "digest_differs", "The file differs from what was announced.")
            upload["complete"] = True
        return httpx.Response(200, json=self.shown(upload))

    def append(self, upload, offset, data):
        assert len(data) <= self.chunk_bytes
        if offset != len(upload["data"]):
            return error(409, "wrong_offset", "Wrong offset.")
        upload["data"] += data
        return httpx.Response(200, json=self.shown(upload))

    def shown(self, upload):
        facts = {key: upload[key] for key in ("id", "path", "size", "complete")}
        digest = hashlib.sha256(upload["data"]).hexdigest() if upload["complete"] else None
        return facts | {"received": len(upload["data"]), "chunk_bytes": self.chunk_bytes, "sha256": digest}

    def on_versions(self, request, rest):
        if request.method == "POST" and not rest:
            return self.register(json.loads(request.content))
        key, _, file = rest.removesuffix("/inspect").partition("/files/")
        name, _, number = key.partition(":")
        if number == "latest":
            key = max((known for known in self.versions if known.startswith(f"{name}:")), default=key)
        version = self.versions.get(key)
        if version is None:
            return error(404, "not_found", f"There is no version '{key}'.", hint="See 'slipway model list'.")
        if file:
            return httpx.Response(200, content=version["data"][file])
        if request.method == "DELETE":
            return self.delete_version(version)
        if request.method == "PATCH":
            self.edit(version, json.loads(request.content))
        return self.inspected(version)

    def delete_version(self, version):
        if version["services"]:
            return error(409, "in_use", f"{version['id']} is in use by {version['services'][0]}.")
        del self.versions[version["id"]]
        return httpx.Response(204)

    def inspected(self, version):
        version["state"] = self.inspections.pop(0) if len(self.inspections) > 1 else self.inspections[0]
        if version["state"] == "rejected":
            version["rejection"] = {
                "code": "onnx_invalid",
                "message": "This is no ONNX file.",
                "hint": "Export it again.",
            }
        return httpx.Response(200, json={k: v for k, v in version.items() if k != "data"})

    @staticmethod
    def edit(version, changes):
        version["tags"] |= changes.get("add_tags", {})
        for key in changes.get("remove_tags", []):
            version["tags"].pop(key, None)
        version["properties"] |= changes.get("add_properties", {})
        version["description"] = changes.get("description", version["description"])

    def register(self, given):
        self.registered = given
        number = 1 + sum(version["name"] == given["name"] for version in self.versions.values())
        uploads = [self.uploads[key] for key in given["files"]]
        assert all(upload["complete"] for upload in uploads)
        files = [
            {"path": each["path"], "size": each["size"], "sha256": hashlib.sha256(each["data"]).hexdigest()}
            for each in uploads
        ]
        version = {
            "id": f"{given['name']}:{number}",
            "name": given["name"],
            "version": number,
            "state": "uploaded",
            "framework": given.get("framework", "custom"),
            "framework_version": given.get("framework_version", ""),
            "description": given.get("description", ""),
            "tags": given.get("tags", {}),
            "properties": given.get("properties", {}),
            "signature": {
                "inputs": [
                    {"name": "X", "datatype": "FP32", "shape": [-1, 4]},
                    {"name": "alpha", "datatype": "FP32", "shape": [], "optional": True},
                ],
                "outputs": [],
            },
            "facts": {"warnings": self.version_warnings},
            "rejection": None,
            "size": sum(each["size"] for each in uploads),
            "files": files,
            "created_by": "alice",
            "created_at": "2026-11-21T04:00:00Z",
            "services": [],
            "folder": given.get("folder", ""),
            "data": {each["path"]: each["data"] for each in uploads},
        }
        self.versions[version["id"]] = version
        return httpx.Response(201, json={k: v for k, v in version.items() if k != "data"})

    def on_models(self, request, rest):
        self.filter = request.url.params.get("filter", "")
        shown = [{key: value for key, value in v.items() if key != "data"} for v in self.versions.values()]
        rows = [{"name": v["name"], "latest": v, "match": v, "versions": 1, "updated_at": ""} for v in shown]
        return page(request, rows)

    def on_environments(self, request, rest):
        if request.method == "POST":
            self.environment = json.loads(request.content)
            made = environment(self.environment, self.environment_warnings)
            self.environments[made["id"]] = made
            return httpx.Response(201, json=made)
        reference, _, verb = rest.partition("/")
        if not reference:
            return page(request, list(self.environments.values()))
        if verb == "log":
            return httpx.Response(200, json={"text": self.log["build"]})
        return self.found_or_deleted(self.environments, request, reference)

    def on_configs(self, request, rest):
        if request.method == "POST":
            self.configs.append(json.loads(request.content))
            return httpx.Response(201, json=self.config(len(self.configs)))
        reference, _, verb = rest.partition("/")
        known = {made["id"]: made for made in map(self.config, range(1, len(self.configs) + 1))}
        if not reference:
            return page(request, list(known.values()))
        if verb == "inferenceconfig":
            return httpx.Response(200, json={"entryScript": known[reference]["entry_script"], "sourceDirectory": "."})
        if verb:
            return httpx.Response(200, content=self.uploads_by_path()[verb.removeprefix("files/")])
        return self.found_or_deleted(known, request, reference)

    def config(self, number):
        """The config that request number `number` has made."""
        given = self.configs[number - 1]
        contents = self.uploads_by_path()
        files = [
            {"path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for path, data in contents.items()
        ]
        facts = {"kind": "entry_script", "description": "", "entry_script": "", "environment": "slipway-runtime:1"}
        made = {"created_by": "alice", "created_at": "2026-11-21T04:00:00Z", "files": files}
        return facts | given | made | {"id": f"{given['name']}:{number}", "version": number}

    def uploads_by_path(self):
        return {upload["path"]: upload["data"] for upload in self.uploads.values()}

    def found_or_deleted(self, rows, request, reference):
        if reference not in rows:
            return error(404, "not_found", f"There is no '{reference}'.")
        if request.method == "DELETE":
            self.deleted = reference
            return httpx.Response(204)
        return httpx.Response(200, json=rows[reference])

    def on_members(self, request, name):
        if request.method == "DELETE":
            del self.members[name]
            return httpx.Response(204)
        if request.method != "GET":
            given = json.loads(request.content)
            name = name or given["username"]
            self.members[name] = given["role"]
            return httpx.Response(200, json={"username": name, "role": given["role"]})
        return page(request, [{"username": name, "role": role} for name, role in self.members.items()])

    def on_tokens(self, request, rest):
        if request.method == "POST":
            number = len(self.tokens) + 1
            times = {"created_at": "2026-11-21T04:00:00Z", "expires_at": "2027-02-19T04:00:00Z", "last_used_at": None}
            self.tokens[number] = {"id": number, **json.loads(request.content), "hint": "slw_new", "user": "alice"}
            self.tokens[number] |= times
            return httpx.Response(201, json=self.tokens[number] | {"token": "slw_new_secret"})
        if request.method == "DELETE":
            del self.tokens[int(rest)]
            return httpx.Response(204)
        return page(request, list(self.tokens.values()))

    def on_invitations(self, request, rest):
        if request.method == "POST":
            times = {"created_at": "2026-11-21T04:00:00Z", "expires_at": "2026-11-28T04:00:00Z"}
            self.invitations[3] = {"id": 3, "invited_by": "alice", **json.loads(request.content), **times}
            return httpx.Response(201, json=self.invitations[3] | {"link": "http://studio.test/invitations/secret"})
        if request.method == "DELETE":
            del self.invitations[int(rest)]
            return httpx.Response(204)
        return page(request, list(self.invitations.values()))

    def on_events(self, request, rest):
        self.asked = dict(request.url.params)
        return page(request, self.events)

    def on_config_import(self, request, rest):
        self.imported = given = json.loads(request.content)
        document = given["inferenceconfig"]
        environment = document.get("environment") or {}
        described = given["conda"] or environment.get("python")
        found = {
            "entry_script": document["entryScript"],
            "source_directory": document.get("sourceDirectory", ""),
            "description": document.get("description", ""),
            "environment": f"{given['name']}:1" if described else None,
            "environment_variables": environment.get("environmentVariables", {}),
            "warnings": ["enableGpu has no effect: no GPU is reserved."] if document.get("enableGpu") else [],
        }
        return httpx.Response(200, json=found)

    def on_services(self, request, rest):
        if not rest:
            return self.deploy(json.loads(request.content)) if request.method == "POST" else self.listed(request)
        name, _, verb = rest.partition("/")
        service = self.services.get(name)
        if service is None:
            return error(404, "not_found", f"There is no service '{name}'.")
        if (
            answer := getattr(self, f"answer_{verb.partition('/')[0].replace('-', '_')}", None)
            if "token" not in verb
            else None
        ):
            return answer(service, request)
        if verb in {"token", "token/regenerate"}:
            return self.answer_token(service, verb)
        if verb in {"stop", "start"}:
            service["state"] = "Transitioning"
            self.states[name] = ["Transitioning", "Stopped" if verb == "stop" else "Healthy"]
        elif request.method == "DELETE":
            del self.services[name]
            return httpx.Response(204)
        elif not verb and self.states.get(name):
            service |= self.looks(self.states[name].pop(0))
        return httpx.Response(200, json=without_data(service))

    @staticmethod
    def answer_traffic(service, request):
        if request.method == "PUT":
            service["asked_of_traffic"] = json.loads(request.content)
        return httpx.Response(200, json={"generation": 1, "default": 1, "sticky": None, "hosts": [], "revisions": []})

    @staticmethod
    def answer_scale(service, request):
        if request.method == "POST":
            service["asked_of_scaling"] = json.loads(request.content)
        summary = "2 to 6 replicas at 70 %"
        facts = {"fixed": False, "overridden": True, "summary": summary, "changed_at": None, "why": ""}
        return httpx.Response(200, json=facts | {"replicas": [{"revision": 1, "replicas": 0}]})

    def answer_source(self, service, request):
        if not service["development"]:
            return error(409, "not_development", "It is no development service.", hint="Update it.")
        files = [
            {"path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for path, data in service["files"].items()
        ]
        facts = {"revision": service["revision"], "entry_script": "score.py", "environment": "slipway-runtime:1"}
        return httpx.Response(200, json=facts | {"files": files})

    def answer_reload(self, service, request):
        given = json.loads(request.content)
        self.reloads.append(given)
        sent = {self.uploads[key]["path"]: self.uploads[key]["data"] for key in given["files"]}
        kept = {path: data for path, data in service["files"].items() if path not in given["removed"]}
        service |= {"files": kept | sent, "revision": service["revision"] + 1, "state": "Transitioning"}
        self.states[service["name"]] = ["Transitioning", "Healthy"]
        return httpx.Response(200, json=without_data(service))

    def answer_revisions(self, _, request):
        return page(request, self.revisions)

    @staticmethod
    def answer_rollback(service, request):
        revision = json.loads(request.content)["revision"]
        service |= {"revision": revision or service["revision"] - 1, "state": "Transitioning"}
        return httpx.Response(200, json=without_data(service))

    @staticmethod
    def looks(state):
        """What changes of a service when it gets into a state: a word, or more than that."""
        return {"state": state} if isinstance(state, str) else state

    def answer_score(self, _, request):
        self.scored, self.scored_at = request.content, request.url.params.get("path")
        return self.score

    def answer_keys(self, _, request):
        keys = {"primary": "p" * 8, "secondary": "s" * 8}
        if request.method == "POST":
            chosen = json.loads(request.content)["value"] if request.content else "new-key"
            keys[request.url.path.split("/")[-2]] = chosen
        return httpx.Response(200, json=keys)

    def answer_client_keys(self, service, request):
        keys = service.setdefault("client_keys", {})
        name, _, verb = request.url.path.partition("client-keys")[2].removeprefix("/").partition("/")
        if request.method == "GET":
            return page(request, list(keys.values()))
        if request.method == "DELETE":
            del keys[name]
            return httpx.Response(204)
        given = json.loads(request.content) if request.content else {}
        self.asked = given
        key = keys.setdefault(name or given["name"], CLIENT_KEY | {"name": name or given["name"]})
        key |= {limit: given[limit] for limit in ("requests_a_day", "rows_a_day") if limit in given}
        made = {} if request.method == "PATCH" else {"value": given.get("value", f"{verb or 'new'}-value")}
        return httpx.Response(200 if name else 201, json=key | made)

    def answer_metrics(self, service, request):
        total = {"requests": 12, "requests_per_second": 0.2, "p50_ms": 0.41, "p95_ms": 0.8, "p99_ms": 12.3}
        total |= {"errors": 3, "error_rate": 0.25, "memory_bytes": 81_000_000}
        return httpx.Response(200, json={"service": service["name"], **request.url.params, "total": total})

    def answer_token(self, service, verb):
        if not (service["asked"].get("deployment_config") or {}).get("token_auth"):
            return error(409, "service_takes_no_tokens", "The service takes keys, not tokens.", hint="Send a key.")
        if verb.endswith("regenerate"):
            self.secrets += 1
            return httpx.Response(200, json=without_data(service))
        times = {"refresh_after": "2026-11-21T04:45:00Z", "expiry_on": "2026-11-21T05:00:00Z"}
        return httpx.Response(200, json={"access_token": f"a.b.{self.secrets}", "token_type": "Bearer", **times})

    def answer_logs(self, _, request):
        asked = request.url.params
        text, offset = self.log[asked["source"]], int(asked["offset"])
        text = text if asked["replica"] == "1" else f"replica {asked['replica']}: {text}"
        return httpx.Response(200, json={"text": text[offset : offset + 5], "offset": min(offset + 5, len(text))})

    def listed(self, request):
        self.asked = dict(request.url.params)
        return page(request, list(map(without_data, self.services.values())))

    def deploy(self, given):
        if given["name"] in self.services and not given.get("overwrite"):
            return error(409, "service_exists", f"There is a service {given['name']} already.", hint="Use overwrite.")
        before = self.services.get(given["name"], {"revision": 0})
        azure = {"autoScaler", "gpuCores", "tags"} & (given.get("deployment_config") or {}).keys()
        self.services[given["name"]] = {
            "name": given["name"],
            "state": "Transitioning",
            "cause": None,
            "models": given["models"],
            "scoring_uri": "http://127.0.0.1:20000/score",
            "revision": before["revision"] + 1,
            "config": given.get("config") or "no-code:1",
            "deployment_config": given.get("deployment_config") or {},
            "update": None,
            "steps": [{"name": "rollout", "state": "busy", "seconds": 1}],
            "created_by": "alice",
            "created_at": "2026-11-21T04:00:00Z",
            "updated_at": "2026-11-21T04:00:00Z",
            "asked": given,
            "development": bool(given.get("source")),
            "files": {
                self.uploads[key]["path"]: self.uploads[key]["data"]
                for key in (given.get("source") or {}).get("files", [])
            },
            "deployed_revision": before["revision"] + 1,
            "warnings": [f"{name} has no effect: so be it." for name in sorted(azure)],
        }
        return httpx.Response(201, json=without_data(self.services[given["name"]]))


def environment(given, warnings=()):
    """An environment as the studio shows it."""
    return {
        "id": f"{given['name']}:1",
        "name": given["name"],
        "version": 1,
        "python_version": given.get("python_version", "3.11"),
        "requirements": [line for line in given.get("requirements", []) if line],
        "description": given.get("description", ""),
        "variables": given.get("variables", {}),
        "base_image": given.get("base_image", ""),
        "dockerfile": given.get("dockerfile", ""),
        "docker_steps": given.get("docker_steps", []),
        "conda": {},
        "wheels": [],
        "state": "locked",
        "lock": "numpy==2.4.0 --hash=sha256:00\n",
        "warnings": list(warnings),
        "created_by": "alice",
        "created_at": "2026-11-21T04:00:00Z",
    }


def without_data(service):
    """A service as the studio shows it."""
    return {key: value for key, value in service.items() if key != "files"}


def answer(body, status=200):
    """A service's own answer, handed on by the studio."""
    return httpx.Response(status, json=body, headers={"X-Slipway-Milliseconds": "1.25"})


def error(status, code, detail, hint=""):
    kind = "client_error" if status < 500 else "server_error"
    body = {"type": kind, "errors": [{"code": code, "detail": detail, "attr": None, "hint": hint}]}
    return httpx.Response(status, json=body)


def page(request, rows, size=2):
    number = int(request.url.params.get("page", 1))
    rest = rows[number * size :]
    found = rows[(number - 1) * size : number * size]
    return httpx.Response(
        200, json={"count": len(rows), "next": "more" if rest else None, "previous": None, "results": found}
    )
