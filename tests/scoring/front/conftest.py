"""Fronts and replicas for tests; both end with the test."""

import pytest

from tests.scoring.front.fronts import FrontProgram, StubReplica


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
