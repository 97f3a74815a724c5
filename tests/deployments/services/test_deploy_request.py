"""What may be deployed: references, names and options are resolved before anything is written."""

import pytest

from deployments.config import configs
from deployments.errors import (
    BadDeploymentConfig,
    NameTaken,
    VersionNotReady,
)
from deployments.models import Service, Target
from deployments.services.deploy_request import resolve
from deployments.services.queries import find
from deployments.views.deploy_form import DeployForm
from registry.models import Inspection, VersionState
from studio.core.errors import BadInput, NotFound
from studio.core.jobs import JobState
from tests.deployments.service_factories import deploy, deploy_request, make_config
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db


def test_resources_come_from_the_version_unless_given(workspace, bob):
    version = make_version(workspace, cpu=2, memory_gb=3)
    taken = deploy(workspace, bob, version, name="a").revisions.get().deployment_config
    overruled = (
        deploy(workspace, bob, version, name="b", deployment_config={"cpu": 0.5}).revisions.get().deployment_config
    )
    assert (taken["cpu"], taken["memory_gb"], taken["auth"]) == (2, 3, True)
    assert (overruled["cpu"], overruled["memory_gb"]) == (0.5, 3)


@pytest.mark.parametrize("name", ["", "Iris", "_iris", "-iris", "iris-", "a" * 64, "../iris", "iris\n"])
def test_invalid_service_name_is_rejected(workspace, bob, iris, name):
    with pytest.raises(BadInput) as refused:
        deploy(workspace, bob, iris, name=name)
    assert refused.value.field == "name"


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (VersionState.UPLOADED, "inspected"),
        (VersionState.REJECTED, "truncated"),
        (VersionState.DAMAGED, "is damaged. The file is truncated."),
    ],
)
def test_version_that_is_not_ready_is_rejected(workspace, bob, state, word):
    version = make_version(workspace, state=state, rejection={"message": "The file is truncated."})
    with pytest.raises(VersionNotReady, match=word):
        deploy(workspace, bob, version)


def test_rejection_says_what_the_inspection_waits_for(workspace, bob):
    others = [make_version(workspace, "others", state=VersionState.UPLOADED) for _ in range(3)]
    Inspection.objects.bulk_create(Inspection(version=version) for version in others)
    version = make_version(workspace, state=VersionState.UPLOADED)
    job = Inspection.objects.create(version=version)
    Inspection.objects.filter(version=others[0]).update(state=JobState.SUCCEEDED)
    with pytest.raises(VersionNotReady, match="waits to be inspected, with 2 before it"):
        deploy(workspace, bob, version)
    assert job.claim(30)
    with pytest.raises(VersionNotReady, match="cannot be deployed yet: it is being inspected"):
        deploy(workspace, bob, version)


def test_version_of_another_workspace_is_not_found(workspace, elsewhere, bob):
    with pytest.raises(NotFound):
        deploy(workspace, bob, make_version(elsewhere))


def test_config_and_target_of_another_workspace_are_not_found(workspace, elsewhere, bob, mallory, iris):
    config = configs.default_for(make_version(elsewhere), mallory)
    with pytest.raises(NotFound):
        deploy(workspace, bob, iris, config=config)
    with pytest.raises(NotFound):
        deploy(workspace, bob, iris, target=Target.objects.create(workspace=elsewhere, name="there"))


def test_request_without_script_needs_a_version(workspace, bob, iris):
    for config in (None, configs.default_for(iris, bob)):
        with pytest.raises(BadInput, match="needs a model version") as refused:
            deploy(workspace, bob, config=config)
        assert refused.value.field == "models"


def test_script_that_brings_its_model_along_needs_no_version(workspace, bob):
    service = deploy(workspace, bob, config=make_config(workspace, bob))
    assert service.revisions.get().models.count() == 0


def test_underscore_in_a_service_name_becomes_a_dash_and_is_said(workspace, bob, iris):
    request = deploy_request(workspace, bob, iris, name="my_deploy")
    assert request.name == "my-deploy"
    assert request.warnings == ("The service is called my-deploy: names of services have '-' where others have '_'.",)
    deploy(workspace, bob, iris, name="my_deploy")
    assert find(workspace, "my_deploy").name == "my-deploy"
    with pytest.raises(NameTaken):
        deploy(workspace, bob, iris, name="my-deploy")


def test_other_frameworks_and_several_models_need_a_script(workspace, bob, iris):
    with pytest.raises(BadInput, match="script"):
        deploy(workspace, bob, make_version(workspace, "tree", files={"model.pkl": b"\x80\x04."}))
    with pytest.raises(BadInput, match="entry script"):
        deploy(workspace, bob, iris, make_version(workspace, "other"))


def test_version_named_twice_counts_once(workspace, bob, iris):
    assert deploy(workspace, bob, iris, iris).revisions.get().models.count() == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"cpu": 0}, "cpu"),
        ({"cpu": "2"}, "cpu"),
        ({"cpu": True}, "cpu"),
        ({"cpu": 10**400}, "cpu"),
        ({"max_body_mb": 10**400}, "max_body_mb"),
        ({"cpu": float("nan")}, "cpu"),
        ({"memory_gb": -1}, "memory_gb"),
        ({"processes": 1.5}, "processes"),
        ({"processes": 65}, "processes"),
        ({"auth": "no"}, "auth"),
        ({"token_auth": "yes"}, "token_auth"),
        ({"token_auth": True, "auth": True}, "token_auth"),
        ({"start_deadline_seconds": 0}, "start_deadline_seconds"),
        ({"replicas": 0}, "replicas"),
        ({"instances": 2}, "instances"),
        ({"environment_variables": ["A=1"]}, "environment_variables"),
        ({"environment_variables": {"A B": "1"}}, "environment_variables"),
        ({"environment_variables": {"A": 1}}, "environment_variables"),
        ({"environment_variables": {"PYTHONPATH": "/"}}, "environment_variables"),
        ({"environment_variables": {"SLIPWAY_X": "1"}}, "environment_variables"),
        ({"environment_variables": {"A": "x" * 9000}}, "environment_variables"),
    ],
)
def test_invalid_deployment_config_is_rejected_at_its_field(workspace, bob, iris, given, field):
    with pytest.raises(BadDeploymentConfig) as refused:
        deploy(workspace, bob, iris, deployment_config=given)
    assert refused.value.field == field
    assert not Service.objects.exists()


@pytest.mark.parametrize(
    "name", ["LD_PRELOAD", "LD_AUDIT", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "PATH", "HOME", "PYTHONHOME"]
)
def test_variables_that_load_other_code_are_refused_by_name(workspace, bob, iris, name):
    with pytest.raises(BadDeploymentConfig, match=name) as refused:
        deploy(workspace, bob, iris, deployment_config={"environment_variables": {name: "/"}})
    assert refused.value.field == "environment_variables"


def test_form_and_rest_body_make_the_same_request(workspace, bob, iris):
    typed = {"name": "iris", "models": "iris:1", "target": "local", "cpu": "2", "auth": "token", "reason": "first"}
    form = DeployForm(workspace, typed)
    assert form.is_valid(), form.errors
    request = resolve(
        workspace=workspace,
        actor=bob,
        name="iris",
        models=["iris:1"],
        deployment_config={"cpu": 2, "token_auth": True},
        description="",
        reason="first",
    )
    assert form.deploy_request(bob) == request
