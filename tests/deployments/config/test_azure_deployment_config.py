"""Azure's deploymentconfig.json, read and written by the table of options."""

import pytest

from deployments.config import azure_deployment_config, deployment_config
from deployments.errors import BadDeploymentConfig
from tests.deployments.service_factories import deploy

AKS = {
    "computeType": "aks",
    "autoScaler": {"autoscaleEnabled": False, "minReplicas": 1, "maxReplicas": 10},
    "dataCollection": {"storageEnabled": True},
    "authEnabled": False,
    "tokenAuthEnabled": True,
    "containerResourceRequirements": {"cpu": 0.5, "memoryInGB": 2.0},
    "appInsightsEnabled": True,
    "scoringTimeoutMs": 2500,
    "maxQueueWaitMs": 500,
    "numReplicas": 1,
    "sslEnabled": False,
}
OURS = {
    "cpu": 0.5,
    "memory_gb": 2,
    "scoring_timeout_seconds": 2.5,
    "auth": False,
    "token_auth": True,
    "server": {"queue_wait_seconds": 0.5, "collect": {"fraction": 1.0}},
}


def test_azure_file_becomes_a_deployment_config():
    assert azure_deployment_config.read(AKS) == OURS
    assert deployment_config.complete(OURS).server.queue_wait_seconds == 0.5


def test_slipway_keys_take_precedence_over_azure_keys():
    assert azure_deployment_config.read(AKS | {"cpu": 4, "grpc": True}) == OURS | {"cpu": 4, "grpc": True}


def test_export_is_read_back_as_the_same_config():
    stored = deployment_config.to_json(deployment_config.complete(OURS))
    exported = azure_deployment_config.export(stored)
    assert exported["containerResourceRequirements"] == {"cpu": 0.5, "memoryInGB": 2}
    assert (exported["scoringTimeoutMs"], exported["dataCollection"]) == (2500, {"storageEnabled": True})
    assert deployment_config.to_json(deployment_config.complete(azure_deployment_config.read(exported))) == stored


def test_collection_that_is_off_stays_off():
    assert azure_deployment_config.read({"computeType": "aks", "dataCollection": {"storageEnabled": False}}) == {}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"autoScaler": {"autoscaleEnabled": True, "minReplicas": 1}}, "autoScaler.autoscaleEnabled"),
        ({"numReplicas": 3}, "numReplicas"),
        ({"sslEnabled": True}, "sslEnabled"),
        ({"keys": {"primaryKey": "chosen"}}, "keys.primaryKey"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_setting_that_is_not_supported_is_rejected_by_name(given, named):
    with pytest.raises(BadDeploymentConfig, match=f"The setting {named} of"):
        azure_deployment_config.read({"computeType": "aks"} | given)


@pytest.mark.parametrize("value", ["2", True, [1], {"a": 1}])
def test_value_of_a_wrong_type_is_rejected(value):
    given = {"computeType": "local", "containerResourceRequirements": {"cpu": value}}
    with pytest.raises(BadDeploymentConfig, match="cpu must be a number"):
        deployment_config.complete(azure_deployment_config.read(given))


@pytest.mark.parametrize("value", [10**400, float("inf"), -1, 10**9])
def test_number_out_of_range_is_rejected(value):
    given = {"computeType": "local", "scoringTimeoutMs": value}
    with pytest.raises(BadDeploymentConfig, match="scoring_timeout_seconds must"):
        deployment_config.complete(azure_deployment_config.read(given))


@pytest.mark.django_db
def test_rest_takes_and_gives_the_azure_shape(api, bob, workspace, iris):
    services = "/api/v1/workspaces/vision/services"
    body = {"name": "iris", "models": ["iris:1"], "deployment_config": AKS}
    assert api(bob).post(services, body, format="json").status_code == 201
    assert api(bob).get(f"{services}/iris").json()["deployment_config"]["scoring_timeout_seconds"] == 2.5
    assert api(bob).get(f"{services}/iris/deploymentconfig").json()["maxQueueWaitMs"] == 500


@pytest.mark.django_db
def test_export_of_defaults_names_no_collection(api, bob, workspace, iris, fake):
    deploy(workspace, bob, iris, target=fake.target)
    exported = api(bob).get("/api/v1/workspaces/vision/services/iris/deploymentconfig").json()
    assert exported == {
        "computeType": "local",
        "containerResourceRequirements": {"cpu": 1, "memoryInGB": 1},
        "scoringTimeoutMs": 60000,
        "authEnabled": True,
    }
