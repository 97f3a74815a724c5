"""The curated set: brought along by migrations, in every workspace, read-only; a newer version beside the older."""

import pytest

from registry.environments import environments
from registry.models import CuratedEnvironment, Environment
from studio.core.errors import BadInput, Conflict

pytestmark = pytest.mark.django_db
NAMES = ["slipway-boosting", "slipway-onnx", "slipway-runtime", "slipway-sklearn", "slipway-tensorflow"]


def test_every_workspace_has_the_set(workspace, elsewhere):
    for where in (workspace, elsewhere):
        environments.curated(where)
        environments.curated(where)
        names = Environment.objects.in_workspace(where).values_list("name", flat=True)
        assert sorted(names) == [*NAMES, "slipway-torch-cpu"]


def test_curated_environments_of_workspaces_share_their_build(workspace, elsewhere):
    first, second = (environments.find(where, "slipway-sklearn:1") for where in (workspace, elsewhere))
    assert first.definition_hash == second.definition_hash
    assert first.description == "scikit-learn with pandas and joblib."


def test_newer_version_is_found_and_the_older_stays_usable(workspace):
    assert environments.find(workspace, "slipway-onnx").number == 1
    CuratedEnvironment.objects.create(
        name="slipway-onnx", number=2, description="Newer.", requirements=["onnxruntime==1.40.*"]
    )
    assert environments.find(workspace, "slipway-onnx").number == 2
    assert environments.find(workspace, "slipway-onnx:1").requirements[0] == "onnxruntime==1.31.*"


def test_curated_environment_is_neither_defined_nor_deleted_by_people(workspace, bob):
    with pytest.raises(BadInput, match="belong to the studio"):
        environments.define(
            workspace=workspace, actor=bob, name="slipway-onnx", python_version="3.11", requirements=["numpy"]
        )
    with pytest.raises(Conflict, match="slipway-onnx:1 belongs to the studio"):
        environments.delete(environments.find(workspace, "slipway-onnx"), bob)
