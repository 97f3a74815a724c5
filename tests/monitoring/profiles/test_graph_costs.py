"""The newest profile of a version tells its graph what the nodes take."""

import pytest
from django.http import QueryDict

from monitoring.models import Profile
from monitoring.profiles.graph_costs import graph_costs
from registry.graphs.costs import costs_of
from registry.inspection.kept_graphs import keep_graph
from registry.views.graph import graph_panel
from tests.deployments.service_factories import deploy
from tests.monitoring.profiles.factories import make_ended_profile, make_profile
from tests.registry.factories import make_version

PROVIDER = "CPUExecutionProvider"


def times(**spent):
    """Of a run of 100 microseconds."""
    operators = [[name, "Gemm", PROVIDER, microseconds, 1.0] for name, microseconds in spent.items()]
    batch = {"rows": 1, "runs": 10, "microseconds": 100.0, "operators": operators, "rest": 0.0}
    return {"batches": [batch], "timeline": []}


@pytest.fixture
def version(workspace, bob):
    return make_version(workspace, "iris", user=bob)


def test_newest_profile_with_times_counts(workspace, bob, version):
    make_ended_profile(workspace, bob, version, operators=times(gemm_0=10.0))
    newest = make_ended_profile(workspace, bob, version, operators=times(gemm_0=40.0, gemm_1=20.0))
    make_ended_profile(workspace, bob, version)
    make_profile(workspace, bob, version)
    found = graph_costs(version)
    assert found.shares == {"gemm_0": 0.4, "gemm_1": 0.2}
    assert found.providers["gemm_0"] == PROVIDER
    assert (found.source, found.url) == ("1 row a run", newest.get_absolute_url())


def test_profile_of_a_revision_counts_for_its_version(workspace, bob, version):
    revision = deploy(workspace, bob, version, name="iris").revisions.get()
    profile = make_ended_profile(workspace, bob, version, operators=times(gemm_0=10.0))
    Profile.objects.filter(pk=profile.pk).update(version=None, revision=revision)
    assert graph_costs(version).shares == {"gemm_0": 0.1}


def test_version_that_nobody_timed_has_no_costs(workspace, bob, version):
    make_ended_profile(workspace, bob, version, operators={"batches": [], "timeline": [], "note": "It failed."})
    make_ended_profile(workspace, bob, make_version(workspace, "iris", user=bob), operators=times(gemm_0=10.0))
    assert graph_costs(version) is None


def test_graph_of_a_timed_version_is_drawn_with_heat(workspace, bob, version):
    node = {"op": "Gemm", "name": "gemm_0", "inputs": [0], "outputs": [1]}
    keep_graph(version, {"nodes": [node], "tensors": [{"name": "x"}, {"name": "y"}]})
    make_ended_profile(workspace, bob, version, operators=times(gemm_0=40.0))
    shown = graph_panel(version, QueryDict(""), costs_of(version))
    assert shown["drawing"].boxes[0].heat == 4
    assert shown["unplaced"] == 60.0
