"""Fronts and replicas for tests; both end with the test."""

import msgspec
import pytest

from scoring.front_contract import FrontReport
from tests.scoring.front.fronts import FrontProgram, StubReplica
from tests.scoring.stand_in import StandIn


@pytest.fixture(scope="module")
def front(tmp_path_factory):
    """A front that all tests of a file share; each writes its own routing file."""
    made = FrontProgram(tmp_path_factory.mktemp("front")).start()
    yield made
    made.close()


@pytest.fixture
def own_front(tmp_path):
    """Makes fronts, not yet started."""
    made = []

    def make(**settings):
        made.append(FrontProgram(tmp_path / f"front{len(made)}", **settings))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def stub():
    """Makes replicas that behave as a test wants."""
    made = []

    def make(behave=None, **more):
        made.append(StubReplica(behave, **more))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def studio():
    """A stand-in that keeps the reports it gets."""
    reports, tokens = [], []

    def take(body, headers):
        reports.append(msgspec.json.decode(body, type=FrontReport))
        tokens.append(headers["Authorization"])
        return 202

    made = StandIn(take)
    made.reports, made.tokens = reports, tokens
    yield made
    made.close()


@pytest.fixture
def told(own_front, studio):
    """A front that reports to the stand-in."""
    return own_front(report_url=f"{studio.address}/api/v1/front/report", report_token="the-token")
