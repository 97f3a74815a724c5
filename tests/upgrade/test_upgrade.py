"""Upgrade of a studio of version 0.1.0: nothing is lost, and its services keep running.

What they had is stated as they saw it, by REST and in files. When this code starts, the services `scale` and `greeter`
still run, `sleeper` has ended, `resting` is stopped, `failing` has failed, `waiting` is not built yet, the model `late`
is not inspected yet, and `leaving` still runs although somebody has asked for its end.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import psutil
import pytest

from tests.rest import Rest
from tests.stack import Stack, free_port, wait_for
from tests.upgrade.asking import Asking
from tests.upgrade.old_data import OldData, servers_of_services

pytestmark = pytest.mark.stack

RUNNING = ("scale", "greeter", "sleeper", "waiting")
SETTLED = dict.fromkeys(RUNNING, "Healthy") | {"resting": "Stopped", "failing": "Failed"}
# What rows of REST may say otherwise after the upgrade. Everything else that the old studio said, this one says, too.
MAY_CHANGE = {
    "tokens": {"last_used_at"},
    "services": {"state", "steps", "cause", "observed_revision", "updated_at"},
    "events": {"action"},  # names of actions were made alike
}
LISTS = ("members", "tokens", "models", "versions", "environments", "configs", "services", "events")
GOES_ON = {"late", "late:1", "brief", "brief:1", "leaving"}  # rows that work goes on with, as tests of their own say


@dataclass
class Takeover:
    old: OldData
    studio: Stack
    rest: Rest
    pids: dict[str, int]  # of the servers that ran before the studio started
    keys: dict[str, str]  # of `scale`, whose secondary key was replaced
    asked: dict[str, Asking]
    counted: dict[str, int]  # requests that the metrics tell of, when everything asked so far had time to arrive

    @property
    def record(self) -> dict[str, Any]:
        return self.old.record

    def servers(self) -> set[int]:
        return servers_of_services(self.old.folder)

    def score(self, name: str, credential: str) -> httpx.Response:
        """Ask the service itself, at the address that it had."""
        return ask(self.record["rest"][f"services/{name}"]["scoring_uri"], credential, self.record["rows"])


def ask(url: str, credential: str, rows: Any) -> httpx.Response:
    return httpx.post(url, json=rows, headers=bearer(credential), timeout=30, trust_env=False)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def takeover(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Takeover]:
    folder, port = tmp_path_factory.mktemp("upgrade") / "data", free_port()
    old = OldData(folder, port)
    environ = {"DATABASE_URL": f"sqlite:///{folder}/slipway.sqlite3", "SLIPWAY_OFFLINE": "1"}
    studio = Stack(folder, port=port, password=old.record["passwords"]["admin"], **environ)
    try:
        pids = {name: old.start_service(name) for name in old.record["started"]}
        credentials = {"scale": old.record["keys"]["scale"]["primary"], "greeter": access_token(old)}
        with ExitStack() as until_settled:
            asked = {
                name: until_settled.enter_context(
                    Asking(
                        old.record["rest"][f"services/{name}"]["scoring_uri"],
                        credential,
                        old.record["rows"],
                        old.record["answers"][name],
                    )
                )
                for name, credential in credentials.items()
            }
            studio.start()
            rest = Rest(studio)
            keys = rest.post("services/scale/keys/secondary/regenerate")
            settle(old, rest, keys["secondary"])
        yield Takeover(old, studio, rest, pids, keys, asked, requests_counted(old, rest, asked))
    finally:
        studio.end()


def settle(old: OldData, rest: Rest, new_key: str) -> None:
    """Wait until the studio has done all there is to do. The states that it shows at first are the old studio's."""
    services, keys = old.record["rest"], old.record["keys"]
    for name, key in (("scale", new_key), ("sleeper", keys["sleeper"]["primary"])):
        wait_for(
            lambda uri=services[f"services/{name}"]["swagger_uri"], key=key: opens(uri, key), 60, f"{name} answers"
        )
    for name, state in SETTLED.items():
        rest.until(f"services/{name}", lambda found, state=state: found["state"] == state, 60)
    rest.until_ready("late:1")
    wait_for(lambda: rest.send("GET", "services/leaving").status_code == 404, 60, "the removed service is gone")


def opens(uri: str, key: str) -> bool:
    """Whether the service lets this key in. Asks for a page that counts in no metrics."""
    try:
        return httpx.get(uri, headers=bearer(key), timeout=30, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def access_token(old: OldData) -> str:
    """A token for `greeter`, as the old studio issued them an hour long: signed with what its run folder says."""
    [keys, *_] = old.run_folder("greeter").rglob("keys.json")  # where the instance that runs now has them
    rules = json.loads(keys.read_text())["tokens"]
    claims = {"iss": rules["issuer"], "aud": rules["audience"], "sub": "admin", "jti": "of-the-old-studio"}
    now = int(time.time())
    return jwt.encode(claims | {"iat": now, "exp": now + 3600}, rules["secret"], algorithm="HS256")


def requests_counted(old: OldData, rest: Rest, asked: dict[str, Asking]) -> dict[str, int]:
    """Wait until the metrics know of everything; what they know in the end."""
    counted = {}
    for name, asking in asked.items():
        path = f"services/{name}/metrics?range=7d"
        expected = old.record["rest"][path]["total"]["requests"] + asking.answered
        try:
            found, _ = rest.until(path, lambda found, n=expected: found["total"]["requests"] >= n, 30)
        except AssertionError:  # a test says what is missing
            found = rest.get(path)
        counted[name] = found["total"]["requests"]
    return counted


# --- what people had


@pytest.mark.parametrize("kind", LISTS)
def test_rest_answers_match_those_of_the_old_studio(takeover, kind):
    found = takeover.rest.get(f"{kind}?page_size=200")["results"]

    assert (
        missing(takeover.record["rest"][f"{kind}?page_size=200"]["results"], found, MAY_CHANGE.get(kind, set())) == []
    )


def missing(old_rows: list[dict], rows: list[dict], may_change: set[str]) -> list[str]:
    """What of the old rows is gone or different. Rows that are new are none of it."""
    [key] = [key for key in ("id", "username", "name") if key in old_rows[0]][:1]
    now = {row[key]: row for row in rows}
    told = []
    for old in old_rows:
        if old[key] not in GOES_ON:
            kept = {name: value for name, value in old.items() if name not in may_change}
            told += different(kept, now.get(old[key]), str(old[key]))
    return told


def different(old: Any, new: Any, where: str) -> list[str]:
    """Places where `new` says otherwise than `old`. An object may have got new keys."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [told for name in old for told in different(old[name], new.get(name), f"{where}.{name}")]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [told for index, (one, other) in pairs for told in different(one, other, f"{where}[{index}]")]
    return [] if old == new else [f"{where}: {old!r} became {new!r}"]


def test_files_of_versions_are_unchanged(takeover):
    versions = takeover.record["rest"]["versions?page_size=200"]["results"]
    files = [(version["id"], file) for version in versions for file in version["files"]]
    assert len(files) == 7

    for version, file in files:
        answer = takeover.rest.send("GET", f"versions/{version}/files/{file['path']}")
        assert answer.status_code == 200
        assert hashlib.sha256(answer.content).hexdigest() == file["sha256"]


def test_sessions_stay_valid_and_show_both_revisions_of_a_service(takeover):
    with httpx.Client(base_url=takeover.studio.address, cookies=takeover.record["cookies"]) as browser:
        page = browser.get("/w/default/services/scale/", params={"tab": "revisions"})

    assert page.status_code == 200
    assert all(text in page.text for text in ("scale:1", "scale:2", "Three is more than two."))


def test_passwords_and_roles_are_kept(takeover):
    passwords = takeover.record["passwords"]
    base = takeover.studio.url("/api/v1/")
    for workspace, may_write in (("default", True), ("lab", False)):
        facts = {"username": "ada", "password": passwords["ada"], "workspace": workspace}
        token = httpx.post(f"{base}sign-in", json=facts).raise_for_status().json()["token"]
        upload = {"path": "model.onnx", "size": 1}
        answer = httpx.post(f"{base}workspaces/{workspace}/uploads", json=upload, headers=bearer(token))
        assert answer.status_code == (201 if may_write else 403)

    facts = {"username": "admin", "password": passwords["admin"], "workspace": "lab"}
    token = httpx.post(f"{base}sign-in", json=facts).raise_for_status().json()["token"]
    members = httpx.get(f"{base}workspaces/lab/members", headers=bearer(token)).raise_for_status().json()["results"]
    assert {member["username"]: member["role"] for member in members} == takeover.record["lab"]


@pytest.mark.parametrize(
    ("token", "reads", "writes"), [("writes", 200, 201), ("reads", 200, 403), ("revoked", 401, 401)]
)
def test_personal_tokens_keep_their_access(takeover, token, reads, writes):
    headers, base = bearer(takeover.record["tokens"][token]), takeover.rest.base

    assert httpx.get(f"{base}versions/scale:1", headers=headers).status_code == reads
    upload = {"path": "model.onnx", "size": 1}
    assert httpx.post(f"{base}uploads", json=upload, headers=headers).status_code == writes


def test_unfinished_upload_can_be_resumed(takeover):
    upload, rest = takeover.record["upload"], takeover.rest
    assert rest.get(f"uploads/{upload['id']}")["received"] == upload["received"]

    rest.send_rest(upload, bytes.fromhex(upload["content"]))
    done = rest.post(f"uploads/{upload['id']}/complete")

    assert done["sha256"] == hashlib.sha256(bytes.fromhex(upload["content"])).hexdigest()
    version = rest.post("versions", {"name": "resumed", "files": [upload["id"]]}, 201)["id"]
    assert rest.until_ready(version)[0]["signature"]["inputs"]


def test_logs_from_before_the_upgrade_are_shown(takeover):
    for name, text in takeover.record["logs"].items():
        assert takeover.rest.get(f"services/{name}/logs")["text"].startswith(text)


# --- what ran


def test_running_services_keep_their_processes(takeover):
    alive = takeover.servers()

    assert {name: pid in alive for name, pid in takeover.pids.items()} == {
        "scale": True,
        "greeter": True,
        "leaving": False,
    }
    assert {name: asking.failures for name, asking in takeover.asked.items()} == {"scale": [], "greeter": []}
    assert all(asking.answered for asking in takeover.asked.values())


def test_each_running_service_has_one_server(takeover):
    assert len(takeover.servers()) == len(RUNNING)


def test_metrics_count_every_request(takeover):
    for name, asking in takeover.asked.items():
        before = takeover.record["rest"][f"services/{name}/metrics?range=7d"]["total"]["requests"]
        assert takeover.counted[name] == before + asking.answered


def test_service_that_ended_meanwhile_is_restarted_with_its_address_and_keys(takeover):
    keys = takeover.record["keys"]["sleeper"]
    assert takeover.rest.get("services/sleeper/keys") == keys

    for key in keys.values():
        assert takeover.score("sleeper", key).json() == takeover.record["answers"]["sleeper"]
    assert takeover.score("sleeper", "another-key").status_code == 401


def test_queued_work_is_done(takeover):
    assert takeover.rest.get("versions/late:1")["signature"]["inputs"]
    keys = takeover.rest.get("services/waiting/keys")
    assert takeover.score("waiting", keys["primary"]).json()["data"] == [[2.0, 4.0], [6.0, 8.0]]


def test_failed_service_keeps_its_cause(takeover):
    cause, before = takeover.rest.get("services/failing")["cause"], takeover.record["rest"]["services/failing"]["cause"]

    assert (cause["code"], cause["message"]) == (before["code"], before["message"])
    assert "this script never starts" in cause["evidence"]


def test_deleted_service_is_removed_and_releases_its_model(takeover):
    assert takeover.rest.send("DELETE", "versions/brief:1").status_code == 204
    assert takeover.rest.send("DELETE", "versions/scale:1").status_code == 409


def test_collected_data_is_kept(takeover):
    lines = [line for file in takeover.old.folder.rglob("*.jsonl") for line in file.read_text().splitlines()]

    assert set(takeover.record["collected"]) <= {json.loads(line)["id"] for line in lines}


def test_no_incomplete_folders_are_left(takeover):
    assert {service["name"]: service["state"] for service in takeover.rest.get("services")["results"]} == SETTLED
    assert list(takeover.old.folder.rglob("*.draft")) == []


# --- what can be done with it. These change the services, so they come last.


def test_an_adopted_service_takes_new_keys_and_stops(takeover):
    old = takeover.record["keys"]["scale"]
    assert takeover.keys["primary"] == old["primary"]
    assert takeover.score("scale", takeover.keys["secondary"]).json() == takeover.record["answers"]["scale"]
    assert takeover.score("scale", old["secondary"]).status_code == 401

    running = len(takeover.servers())
    takeover.rest.post("services/scale/stop")
    takeover.rest.until("services/scale", lambda found: found["state"] == "Stopped", 60)

    assert not psutil.pid_exists(takeover.pids["scale"])
    assert len(takeover.servers()) == running - 1


def test_an_adopted_service_is_updated_in_the_environment_that_it_had(takeover):
    """No package index can be reached: an environment that had to be made again would fail the build."""
    running = len(takeover.servers())
    update = {"config": "greeting:1", "overwrite": True, "deployment_config": {"token_auth": True, "max_body_mb": 7}}
    takeover.rest.deploy("greeter", "scale:2", **update)
    takeover.rest.until(
        "services/greeter", lambda found: (found["state"], found["observed_revision"]) == ("Healthy", 2), 60
    )

    answer = takeover.score("greeter", access_token(takeover.old))
    assert answer.json() == takeover.record["answers"]["greeter"]
    wait_for(lambda: not psutil.pid_exists(takeover.pids["greeter"]), 60, "the old process has ended")
    wait_for(lambda: len(takeover.servers()) == running, 60, "only the new revision is left")


def test_a_stopped_service_starts_from_the_bundle_that_it_had(takeover):
    takeover.rest.post("services/resting/start")
    takeover.rest.until_healthy("resting")

    key = takeover.record["keys"]["resting"]["primary"]
    assert takeover.score("resting", key).json()["data"] == [[2.0, 4.0], [6.0, 8.0]]
