"""Where the local target finds what was built."""

import pytest

from deployments.recipe.build_paths import bundle_path
from deployments.targets.base import NotBuilt
from deployments.targets.local.built import bundle_at, python_at
from registry.environments.paths import CURATED_HASH, python_path


@pytest.fixture(autouse=True)
def _own_data(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def test_existing_bundle_and_environment_are_found():
    for place in (bundle_path("abc"), python_path("def")):
        place.mkdir(parents=True)
    assert (bundle_at("abc"), python_at("def")) == (bundle_path("abc"), python_path("def"))
    assert python_at(CURATED_HASH).exists()


def test_missing_bundle_or_environment_is_named():
    with pytest.raises(NotBuilt, match=r"The bundle of the service is no longer at .*/bundles/abc\."):
        bundle_at("abc")
    python = python_path("def")
    python.parent.mkdir(parents=True)
    python.symlink_to("/no/such/python")
    with pytest.raises(NotBuilt, match="The environment of the service"):
        python_at("def")
