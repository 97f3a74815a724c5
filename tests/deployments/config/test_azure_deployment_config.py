"""Azure's deploymentconfig.json, read and written by the table of options."""

import pytest

from deployments.config import azure_deployment_config, deployment_config, options
from deployments.errors import BadDeploymentConfig
from studio.core.unused_settings import leaves
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
    "replicas": 1,
    "queue_wait_seconds": 0.5,
    "server": {"collect": {"fraction": 1.0}},
}


def test_azure_file_becomes_a_deployment_config():
    assert azure_deployment_config.read(AKS) == OURS
    limits = deployment_config.limits_of(deployment_config.complete(OURS))
    assert limits["server"]["queue_wait_seconds"] == 0.5  # for calls that bypass the front


@pytest.mark.parametrize(
    ("document", "scaling"),
    [
        ({"computeType": "aks"}, {"max_replicas": 10}),
        ({"computeType": "AKS", "numReplicas": 0}, {"max_replicas": 10}),
        ({"computeType": "aks", "numReplicas": 3}, {"replicas": 3}),
        ({"computeType": "aks", "numReplicas": 3, "autoScaler": {"maxReplicas": 5}}, {"replicas": 3}),
        ({"computeType": "aks", "autoScaler": {"autoscaleEnabled": False, "maxReplicas": 5}}, {}),
        ({"computeType": "aks", "autoScaler": {"minReplicas": 0, "maxReplicas": 5}},
         {"min_replicas": 0, "max_replicas": 5}),
        ({"computeType": "aks", "autoScaler": {"minReplicas": 2}}, {"min_replicas": 2, "max_replicas": 10}),
        ({"computeType": "aks", "replicas": 2}, {"replicas": 2}),
        ({"computeType": "aks", "max_replicas": 4}, {"max_replicas": 4}),
        ({"computeType": "local", "autoScaler": {"minReplicas": 1}}, {}),
        ({"computeType": "aci", "autoScaler": {"maxReplicas": 5}}, {"max_replicas": 5}),
        ({"computeType": "local", "autoScaler": {"autoscaleEnabled": True}}, {"max_replicas": 10}),
        (
            {"computeType": "aks", "autoScaler": {"refreshPeriodInSeconds": 5, "targetUtilization": 60}},
            {"scaling_seconds": 5, "target_utilization": 60, "max_replicas": 10},
        ),
    ],
)  # fmt: skip
def test_azures_rule_of_when_a_service_scales(document, scaling):
    config = azure_deployment_config.read(document)
    assert config == scaling
    completed = deployment_config.to_json(deployment_config.complete(config))
    again = deployment_config.complete(azure_deployment_config.read(azure_deployment_config.export(completed)))
    assert deployment_config.to_json(again) == completed


def test_number_that_is_fixed_and_scaling_by_load_exclude_each_other():
    given = {"computeType": "aks", "numReplicas": 3, "autoScaler": {"autoscaleEnabled": True}}
    with pytest.raises(BadDeploymentConfig, match="fixed number of replicas, or scales by its load"):
        deployment_config.complete(azure_deployment_config.read(given))


def test_bounds_beside_a_fixed_number_are_told_to_have_no_effect():
    given = {"computeType": "aks", "numReplicas": 3, "autoScaler": {"maxReplicas": 5}}
    told = azure_deployment_config.warnings_for(given)
    assert told[1:] == ["autoScaler has no effect beside numReplicas: the number is fixed."]


@pytest.mark.parametrize(
    "given", [{"keys": {"primaryKey": "p", "secondaryKey": "s"}}, {"primaryKey": "p", "secondaryKey": "s"}]
)
def test_keys_are_read_apart_from_the_config(given):
    document = {"computeType": "aci"} | given
    assert azure_deployment_config.keys_of(document) == {"primary": "p", "secondary": "s"}
    assert azure_deployment_config.read(document) == {}


@pytest.mark.parametrize("keys", ["p", ["p"], {"primaryKey": 3}, {"first": "p"}])
def test_keys_of_another_shape_are_rejected(keys):
    with pytest.raises(BadDeploymentConfig, match="keys must hold primaryKey and secondaryKey"):
        azure_deployment_config.read({"computeType": "aks", "keys": keys})


def test_encryption_is_taken_where_the_front_speaks_tls(settings):
    settings.FRONT = settings.FRONT | {"enabled": True, "self_signed": True}
    assert azure_deployment_config.read({"computeType": "aci", "sslEnabled": True}) == {}


def test_slipway_keys_take_precedence_over_azure_keys():
    assert azure_deployment_config.read(AKS | {"cpu": 4, "grpc": True}) == OURS | {"cpu": 4, "grpc": True}


def test_export_is_read_back_as_the_same_config():
    stored = deployment_config.to_json(deployment_config.complete(OURS))
    exported = azure_deployment_config.export(stored)
    assert exported["containerResourceRequirements"] == {"cpu": 0.5, "memoryInGB": 2}
    assert (exported["scoringTimeoutMs"], exported["dataCollection"]) == (2500, {"storageEnabled": True})
    assert deployment_config.to_json(deployment_config.complete(azure_deployment_config.read(exported))) == stored


def test_collection_that_is_off_stays_off():
    assert azure_deployment_config.read({"computeType": "aci", "dataCollection": {"storageEnabled": False}}) == {}


def warnings(**settings):
    document = {"computeType": "local"} | settings
    azure_deployment_config.read(document)
    return azure_deployment_config.warnings_for(document)


def test_settings_without_effect_are_named_with_the_reason_and_without_their_values():
    assert warnings(
        gpuCores=1,
        livenessProbeRequirements={"periodSeconds": 10},
    ) == [
        "gpuCores has no effect: no GPU is reserved; models use one where --provider names its execution provider.",
        "livenessProbeRequirements.periodSeconds has no effect: Slipway watches services by itself, and gives them "
        "--start-deadline to get ready.",
    ]


def test_settings_that_ask_for_nothing_are_not_named():
    assert (
        warnings(
            autoScaler={"autoscaleEnabled": False, "minReplicas": 1},
            numReplicas=1,
            gpuCores=0,
            namespace=None,
            sslEnabled=False,
            blobfuseEnabled=True,
        )
        == []
    )


@pytest.mark.parametrize("kind", ["aks", "ACI"])
def test_other_compute_types_do_not_choose_the_target(kind):
    (told,) = azure_deployment_config.warnings_for({"computeType": kind})
    assert told.startswith("computeType has no effect: the service runs where its target says")


@pytest.mark.parametrize("kind", ["batchai", 3, None, ["aks"]])
def test_unknown_compute_type_is_rejected(kind):
    with pytest.raises(BadDeploymentConfig, match="computeType must be one of local, aci, aks"):
        azure_deployment_config.read({"computeType": kind})


@pytest.mark.parametrize("setting", ["colour", "containerResourceRequirements.memory", "autoscaler.minReplicas"])
def test_unknown_setting_is_rejected_by_name(setting):
    outer, _, inner = setting.partition(".")
    with pytest.raises(BadDeploymentConfig, match=f"has no setting {setting}"):
        warnings(**{outer: {inner: 3} if inner else 3})


def test_encryption_is_rejected_rather_than_left_out():
    with pytest.raises(BadDeploymentConfig, match="sslEnabled is not possible here") as refused:
        warnings(sslEnabled=True)
    assert "Give the front a certificate" in refused.value.hint


def test_azures_limits_count_more_than_what_it_reserves():
    document = {
        "computeType": "aci",
        "containerResourceRequirements": {"cpu": 0.1, "memoryInGB": 0.5, "cpuLimit": 1, "memoryInGBLimit": 2},
    }
    assert azure_deployment_config.read(document) == {"cpu": 1, "memory_gb": 2}
    assert [told.split(":")[0] for told in azure_deployment_config.warnings_for(document)[1:]] == [
        "containerResourceRequirements.cpu has no effect beside cpuLimit",
        "containerResourceRequirements.memoryInGB has no effect beside memoryInGBLimit",
    ]


def test_every_setting_of_the_documented_file_is_used_or_named():
    """The keys of Azure's own reference, each with a value that asks for something."""
    document = {
        "computeType": "aks",
        "autoScaler": {
            "autoscaleEnabled": True, "minReplicas": 2, "maxReplicas": 3, "refreshPeriodInSeconds": 5,
            "targetUtilization": 60,
        },
        "dataCollection": {"storageEnabled": True, "eventHubEnabled": True},
        "authEnabled": False,
        "tokenAuthEnabled": True,
        "containerResourceRequirements": {"cpu": 2, "memoryInGB": 3},
        "appInsightsEnabled": True,
        "scoringTimeoutMs": 1000,
        "maxConcurrentRequestsPerContainer": 2,
        "maxQueueWaitMs": 100,
        "numReplicas": 2,
        "keys": {"primaryKey": "a", "secondaryKey": "b"},
        "gpuCores": 1,
        "livenessProbeRequirements": {
            "periodSeconds": 5, "initialDelaySeconds": 5, "timeoutSeconds": 5, "successThreshold": 5,
            "failureThreshold": 5,
        },
        "namespace": "n",
        "location": "westus",
        "sslCertificate": "c.pem",
        "sslKey": "k.pem",
        "cname": "example.com",
        "dnsNameLabel": "label",
        "port": 6789,
    }  # fmt: skip
    told = " ".join(azure_deployment_config.warnings_for(document))
    used = {option.azure for option in options.OPTIONS} | {"autoScaler.autoscaleEnabled"}
    used |= {f"keys.{name}" for name in azure_deployment_config.KEYS}
    missing = [path for path, _ in leaves(document) if path not in used and path not in told]
    assert missing == []
    assert azure_deployment_config.read(document)["auth"] is False


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
    body = {"name": "iris", "models": ["iris:1"], "deployment_config": AKS | {"gpuCores": 1}}
    made = api(bob).post(services, body, format="json")
    assert made.status_code == 201
    assert [told.split(" ")[0] for told in made.json()["warnings"]] == ["computeType", "appInsightsEnabled", "gpuCores"]
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
