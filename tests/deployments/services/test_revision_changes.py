"""What differs between two revisions, in words."""

import pytest

from deployments.services.revision_changes import changes_between
from tests.deployments.service_factories import deploy
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def revisions(workspace, bob, iris, pickled, script_config, fake):
    """The revisions of a service that was deployed with each of these settings, in turn."""

    def make(*settings):
        for one in settings:
            version, config = one.pop("version", iris), one.pop("config", None)
            deploy(workspace, bob, version, target=fake.target, overwrite=True, config=config, deployment_config=one)
        return list(workspace.services.get().revisions.order_by("number"))

    return make


def told(before, after, *, with_values=True) -> list[tuple[str, str, str]]:
    changes = changes_between(before, after, with_values=with_values)
    return [(change.label, change.before, change.after) for change in changes]


def test_changes_list_model_version_and_memory_only_if_they_differ(revisions, workspace, iris):
    first, second = revisions({"memory_gb": 1}, {"memory_gb": 2, "version": make_version(workspace, "iris")})
    assert told(first, second) == [("Models", "iris:1", "iris:2"), ("Memory", "1 GB", "2 GB")]
    assert told(second, first) == [("Models", "iris:2", "iris:1"), ("Memory", "2 GB", "1 GB")]
    assert told(first, first) == []


def test_changes_list_entry_script_and_environment(revisions, pickled, script_config):
    first, second = revisions({}, {"version": pickled, "config": script_config("demo")})
    assert told(first, second) == [
        ("Models", "iris:1", "pickled:1"),
        ("Inference config", "no code", "own:1"),
        ("Environment", "the studio's own", "own:1"),
    ]


def test_changes_list_a_server_option_that_returns_to_its_default(revisions):
    first, second = revisions({"server": {"batching": {"delay_seconds": 0.002}}}, {})
    assert told(first, second) == [("Batching delay", "2 ms", "as usual")]


def test_changes_hide_values_of_variables_from_viewers(revisions):
    first, second = revisions(
        {"environment_variables": {"LEVEL": "low", "OLD": "1", "SAME": "x"}},
        {"environment_variables": {"LEVEL": "high", "NEW": "2", "SAME": "x"}},
    )
    assert told(first, second) == [("LEVEL", "low", "high"), ("NEW", "not set", "2"), ("OLD", "1", "not set")]
    assert told(first, second, with_values=False) == [
        ("LEVEL", "•••", "••• (another value)"),
        ("NEW", "not set", "•••"),
        ("OLD", "•••", "not set"),
    ]
