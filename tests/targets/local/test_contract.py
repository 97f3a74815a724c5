"""The local driver fulfils the contract of drivers."""

import json
import os
import signal
import urllib.error
import urllib.request

import pytest

from deployments.targets.local.isolation import Isolation
from studio.sandbox.probe import probe
from tests.conftest import require
from tests.targets.contract import DriverContract
from tests.targets.local.local_drivers import end_all, local_driver, pid_of


class TestLocalDriver(DriverContract):
    @pytest.fixture
    def isolation(self):
        return Isolation()

    @pytest.fixture
    def make_driver(self, tmp_path, isolation):
        root = tmp_path / "services"
        for digest in "ab":  # what a specification names is there
            (root / (digest * 64)).mkdir(parents=True)
        yield lambda: local_driver(root, isolation)
        end_all(root)

    @pytest.fixture
    def driver(self, make_driver):
        return make_driver()

    @pytest.fixture
    def other_driver(self, tmp_path, isolation):
        return local_driver(tmp_path / "other", isolation)

    def kill(self, driver, ref, number=1):
        os.kill(pid_of(driver, ref, number), signal.SIGKILL)

    def who_answers(self, driver, route):
        try:
            with urllib.request.urlopen(f"http://{route.host}:{route.port}/", timeout=5) as answer:
                return json.load(answer)["revision"]
        except urllib.error.URLError:
            return None


class TestLocalDriverBehindBubblewrap(TestLocalDriver):
    @pytest.fixture
    def isolation(self):
        walls = probe()
        if walls.level != "bubblewrap":
            require("bubblewrap", str(walls.missing))
        return Isolation(walls)
