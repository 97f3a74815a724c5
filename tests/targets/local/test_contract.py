"""The local driver fulfils the contract of drivers."""

import json
import os
import signal
import urllib.error
import urllib.request

import pytest

from tests.targets.contract import DriverContract
from tests.targets.local.local_drivers import local_driver, pid_of


class TestLocalDriver(DriverContract):
    @pytest.fixture
    def driver(self, make_driver):
        return make_driver()

    @pytest.fixture
    def other_driver(self, tmp_path):
        return local_driver(tmp_path / "other")

    def kill(self, driver, ref):
        os.kill(pid_of(driver, ref), signal.SIGKILL)

    def who_answers(self, driver, route):
        try:
            with urllib.request.urlopen(f"http://{route.host}:{route.port}/", timeout=5) as answer:
                return json.load(answer)["revision"]
        except urllib.error.URLError:
            return None
