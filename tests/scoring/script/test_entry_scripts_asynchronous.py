"""Scripts whose run() is asynchronous in one way or another, and what they raise."""

import pytest

ENDING = """
import json

async def init():
    pass

async def run(data):
    if json.loads(data) == "end":
        raise {kind}("no more")
    return "fine"
"""
FINISHED_BY_ITSELF = """
import asyncio, functools, json

def init():
    pass

def finished(function):
    @functools.wraps(function)
    def call(*arguments, **more):
        return asyncio.run(function(*arguments, **more))
    return call

@finished
async def run(data):
    await asyncio.sleep(0)
    return 1 / json.loads(data)
"""
NOT_SEEN_TO_BE_ASYNCHRONOUS = """
import asyncio, json

def init():
    pass

class Model:
    async def __call__(self, data):
        await asyncio.sleep(0)
        return 1 / json.loads(data)

run = Model()
"""


@pytest.mark.parametrize("kind", ["SystemExit", "KeyboardInterrupt"])
def test_system_exit_in_an_async_run_fails_only_its_request(replica, kind):
    replica.with_script(ENDING.format(kind=kind)).start(scoring_timeout_seconds=5)
    for _ in range(3):
        answer = replica.score('"end"')
        assert (answer.status_code, answer.json()["code"]) == (500, "script_failed")
        assert replica.score('"go on"').json() == "fine"


def test_system_exit_in_an_async_init_fails_the_start(replica):
    script = "async def init():\n    raise SystemExit('no model')\nasync def run(data):\n    pass\n"
    failure = replica.with_script(script).fail_to_start()
    assert (failure["reason"], "SystemExit: no model" in failure["message"]) == ("init_failed", True), failure


@pytest.mark.parametrize("script", [FINISHED_BY_ITSELF, NOT_SEEN_TO_BE_ASYNCHRONOUS])
def test_wrapped_async_run_is_awaited_and_its_error_is_the_scripts(replica, script):
    replica.with_script(script).start()
    assert replica.score("4").json() == 0.25
    answer = replica.score("0")
    assert (answer.status_code, answer.json()["code"]) == (500, "script_failed")
    assert "ZeroDivisionError" in answer.json()["message"]
    assert "ZeroDivisionError" in replica.log()
