"""`slipway model profile`, `service profile` and `profile`: what people type, and what they get."""

import json

import httpx
import pytest

from tests.slipway.fake import page

OPTIONS = {"replicas": 2, "cpu": 1, "memory_gb": 0.5, "server": {"batching": {"rows": 8}}}
RESULT = {
    "verdict": "met",
    "why": ["2 replicas of 1 core hold p99 within 20 ms at 500 requests/s."],
    "options": OPTIONS,
}
PROFILE = {
    "id": 12,
    "name": "first",
    "subject": "iris:1",
    "state": "succeeded",
    "step": "",
    "ahead": 0,
    "goal": {"p99": 20.0, "rate": 500.0},
    "cold_start_seconds": 1.9,
    "result": RESULT,
    "error": None,
    "created_at": "2026-11-30T04:00:00Z",
}
AZURE = {"name": "first", "state": "Succeeded", "recommendedCpu": 1, "recommendedMemoryInGB": 0.5}


@pytest.fixture
def profiling(deployed):
    """A studio that measures in two looks; `asked` is what was sent last."""
    looks = iter(["queued", "succeeded"])

    def answer(request, rest):
        if request.method == "POST":
            deployed.asked = json.loads(request.content or b"{}")
            if rest.endswith("/apply"):
                return httpx.Response(200, json={"service": "iris", "revision": 4})
            return httpx.Response(202, json=PROFILE | {"state": "queued", "ahead": 1, "result": None})
        if rest.endswith("/azure"):
            return httpx.Response(200, json=AZURE)
        if "12" in rest or "first" in rest:
            return httpx.Response(200, json=PROFILE | {"state": next(looks)})
        return page(request, [PROFILE])

    deployed.on_profiles = answer
    return deployed


def test_profile_of_a_version_waits_and_tells_what_is_recommended(slipway, profiling):
    answer = slipway("model", "profile", "iris:1", "--latency-ms", "20", "--rate", "500", "--wait")
    assert answer.code == 0, answer.err
    assert profiling.asked == {"model": "iris:1", "latency_ms": 20.0, "rate": 500.0}
    assert "2 replicas of 1 core hold p99 within 20 ms" in answer.out


def test_profile_of_a_version_as_json_holds_all_of_it(slipway, profiling):
    answer = slipway("model", "profile", "iris:1", "--wait", "--json")
    assert json.loads(answer.out)["result"]["options"] == OPTIONS


def test_profile_without_wait_names_its_number(slipway, profiling):
    answer = slipway("service", "profile", "iris", "--revision", "3")
    assert (answer.code, profiling.asked) == (0, {"service": "iris", "revision": 3})
    assert "Profile 12" in answer.out


def test_options_of_az_write_a_file_that_deploy_takes_cpu_and_memory_from(slipway, profiling, tmp_path):
    file = tmp_path / "profile.json"
    body = '{"data": [[1, 2, 3, 4]]}'
    answer = slipway("model", "profile", "-n", "first", "-m", "iris:1", "-d", body, "-t", file)
    assert answer.code == 0, answer.err
    assert profiling.asked == {"model": "iris:1", "name": "first", "requests": [body]}
    assert json.loads(file.read_text()) == AZURE
    answer = slipway("model", "deploy", "-n", "flowers", "-m", "iris:1", "--pi", file, "--no-wait")
    assert answer.code == 0, answer.err
    assert profiling.services["flowers"]["asked"]["deployment_config"] == {"cpu": 1, "memory_gb": 0.5}


def test_requests_come_from_the_lines_of_a_file(slipway, profiling, tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"data": [[1]]}\n\n{"data": [[2]]}\n')
    slipway("model", "profile", "iris:1", "--input-file", file)
    assert profiling.asked["requests"] == ['{"data": [[1]]}', '{"data": [[2]]}']
    file.write_text("\n")
    assert slipway("model", "profile", "iris:1", "--input-file", file).code == 2


def test_file_that_recommends_nothing_is_refused(slipway, profiling, tmp_path):
    file = tmp_path / "profile.json"
    file.write_text('{"state": "Failed"}')
    answer = slipway("model", "deploy", "-n", "iris", "-m", "iris:1", "--pi", file)
    assert answer.code == 2
    assert "recommends nothing" in answer.err


def test_recommendation_is_applied_to_a_service(slipway, profiling):
    answer = slipway("profile", "apply", "12", "--service", "iris")
    assert (answer.code, profiling.asked) == (0, {"service": "iris", "reason": ""})
    assert "revision 4" in answer.out


def test_result_is_shown_with_the_names_of_azure(slipway, profiling):
    answer = slipway("profile", "show", "first", "--azure", "-o", "json")
    assert json.loads(answer.out) == AZURE
