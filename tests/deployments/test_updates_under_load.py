"""Updates and rollbacks of a local service under load lose no request."""

import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import require
from tests.rest import Rest
from tests.stack import ROOT, Stack
from tests.wrk import CONNECTIONS, Wrk

pytestmark = pytest.mark.stack
MODEL = ROOT / "samples" / "iris" / "model.onnx"
ROW = {"data": [[5.1, 3.5, 1.4, 0.2]]}
UNFIT = {"server": {"warm_up": {"body": {"data": [["no number"]]}, "path": "/score"}}}
SECONDS = 120


@pytest.fixture
def rest(stack: Stack) -> Rest:
    if shutil.which("wrk") is None:
        require("wrk", "it is not installed")
    return Rest(stack)


def until_it_answers(rest: Rest, revision: int) -> dict:
    def settled(service: dict) -> bool:
        return (service["state"], service["update"], service["observed_revision"]) == ("Healthy", None, revision)

    return rest.until("services/iris", settled, SECONDS)[0]


def until_the_update_has_failed(rest: Rest) -> dict:
    def failed(service: dict) -> bool:
        return service["state"] == "Healthy" and (service["update"] or {}).get("state") == "Failed"

    return rest.until("services/iris", failed, SECONDS)[0]


def test_an_update_a_failing_update_and_a_rollback_lose_no_request(rest: Rest, tmp_path: Path) -> None:
    version = rest.register("iris", MODEL)
    rest.until_ready(version)
    address = rest.deploy("iris", version)["scoring_uri"]
    until_it_answers(rest, 1)
    clients = Wrk(tmp_path, address, ROW, rest.get("services/iris/keys")["primary"])
    try:
        rest.deploy("iris", version, overwrite=True, deployment_config={"server": {"access_log": True}})
        until_it_answers(rest, 2)
        rest.deploy("iris", version, overwrite=True, deployment_config=UNFIT)
        failed = until_the_update_has_failed(rest)
        assert rest.post("services/iris/rollback")["revision"] == 2
        until_it_answers(rest, 2)
        rest.post("services/iris/rollback", {"revision": 1})
        until_it_answers(rest, 1)
    finally:
        answered, lost = clients.finish()
    sys.stdout.write(f"{answered} requests answered, {lost} lost\n")
    assert failed["update"]["error"]["code"] == "warm_up_failed"
    assert failed["observed_revision"] == 2
    assert answered > CONNECTIONS
    assert lost == 0
