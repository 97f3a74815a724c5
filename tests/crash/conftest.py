"""Programs of the studio are killed with SIGKILL at the worst moments: everything recovers, nothing accepted is lost.

The tests of a worker process share one studio; each leaves it healthy.
"""

import os

import pytest

from tests.breaking import IRIS
from tests.rest import Rest
from tests.slow_package import Gate, make_slow_package
from tests.stack import Stack

MIB = 1024 * 1024

if not os.path.exists("/proc"):  # the tests find and kill processes by Linux's means
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="package")
def gate():
    return Gate()


@pytest.fixture(scope="package")
def slow_requirement(tmp_path_factory, gate):
    folder = tmp_path_factory.mktemp("wheels")
    return folder, make_slow_package(folder, gate)


@pytest.fixture(scope="package")
def studio(tmp_path_factory, slow_requirement):
    small = {"SLIPWAY_CHUNK_BYTES": str(MIB), "SLIPWAY_TELEMETRY_SECONDS": "1"}
    with Stack(tmp_path_factory.mktemp("crash"), SLIPWAY_WHEELS=str(slow_requirement[0]), **small) as running:
        yield running


@pytest.fixture(scope="package")
def rest(studio):
    return Rest(studio)


@pytest.fixture(scope="package")
def iris(rest):
    version = rest.register("iris", IRIS / "model.onnx")
    rest.until_ready(version)
    return version


@pytest.fixture(autouse=True)
def healthy_afterwards(studio):
    yield
    studio.wait_until_healthy()


@pytest.fixture
def report(record_property):
    """Record how long something took: in the test report, and on the screen with -s."""

    def note(what, seconds):
        record_property(what, round(seconds, 1))
        print(f"\n{what}: {seconds:.1f} s")  # noqa: T201 - shown with -s

    return note


@pytest.fixture
def assert_recorded_once(rest):
    """`assert_recorded_once("service", "iris", "deployed")`: the audit trail has each of these events exactly once."""

    def check(noun, name, *verbs):
        actions = rest.actions(noun, name)
        assert {verb: actions.count(f"{noun}.{verb}") for verb in verbs} == dict.fromkeys(verbs, 1), (name, actions)

    return check
