"""The kernel's limits for the processes of a service."""

import resource
from typing import get_type_hints

import pytest

from deployments.targets.local.limits import FILE_BYTES, OPEN_FILES, service_limits
from scoring.contract import ServerOptions
from scoring.process.limits import SCRIPT_FILES


def test_tasks_are_limited_only_for_a_user_of_its_own():
    assert dict(service_limits(has_own_user=True, cores=4))["NPROC"] == 1024 + 4 * 64
    assert dict(service_limits(has_own_user=False)) == {"CORE": 0, "FSIZE": FILE_BYTES, "NOFILE": OPEN_FILES}


@pytest.mark.parametrize("name", dict(service_limits(has_own_user=True)))
def test_every_limit_is_one_that_the_kernel_knows(name):
    assert hasattr(resource, f"RLIMIT_{name}")


def test_largest_connections_limit_fits_into_the_limit_of_open_files():
    [most] = [one.le for one in get_type_hints(ServerOptions, include_extras=True)["connections_limit"].__metadata__]
    assert 2 * most + SCRIPT_FILES <= OPEN_FILES
