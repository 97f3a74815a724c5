"""Replicas that share an address."""

import pytest

from tests.scoring.process.shared_address import SharedAddress


@pytest.fixture
def address(tmp_path):
    made = SharedAddress(tmp_path)
    yield made
    made.close()
