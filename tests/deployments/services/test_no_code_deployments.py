"""Deployments of models that are not ONNX and name no script: their environment, their bundle, and what is refused."""

import msgspec
import pytest

from deployments.builds.bundles import Content, contents_of
from deployments.config import configs
from deployments.errors import BadDeploymentConfig
from deployments.models import InferenceConfig
from deployments.models.config import ConfigKind
from registry.models import Environment
from studio.core.errors import BadInput
from tests.deployments.service_factories import deploy
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db
FACTS = {"format": "pickle", "main_file": "model.pkl", "globals": ["sklearn.svm._classes.SVC"]}
FILES = {"model.pkl": b"pickle"}


def tree(workspace, version="1.9.1", name="tree", **facts):
    return make_version(
        workspace,
        name,
        files=FILES,
        framework="scikit-learn",
        framework_version=version,
        facts=FACTS | facts,
        signature={"inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 4]}], "outputs": []},
    )


def config_of(service):
    return service.revisions.get().config


def test_version_of_the_curated_set_runs_in_it(workspace, bob, fake):
    config = config_of(deploy(workspace, bob, tree(workspace), target=fake.target))
    assert (config.kind, str(config.environment), str(config)) == (
        "no_code",
        "slipway-sklearn:1",
        "no-code-scikit-learn:1",
    )


def test_other_version_gets_an_environment_with_its_pins_once(workspace, bob, fake):
    older = [tree(workspace, "1.7.2", name) for name in ("one", "two")]
    newer = tree(workspace, "1.8.0", "three")
    configs_ = [
        config_of(deploy(workspace, bob, version, name=version.name, target=fake.target))
        for version in (older[0], newer, older[1])
    ]
    assert [str(one.environment) for one in configs_] == [
        "no-code-scikit-learn:1",
        "no-code-scikit-learn:2",
        "no-code-scikit-learn:1",
    ]
    assert configs_[0] == configs_[2]
    assert configs_[0].environment.requirements == ["scikit-learn==1.7.2"]


def test_requirements_that_mlflow_wrote_decide_the_environment(workspace, bob, fake):
    files = FILES | {"MLmodel": b"flavors: {}", "requirements.txt": b"mlflow==3.17.2\nscikit-learn==1.8.0\n-r other\n"}
    facts = FACTS | {"mlflow_flavors": ["python_function", "sklearn"]}
    version = make_version(workspace, files=files, framework="scikit-learn", framework_version="1.8.0", facts=facts)
    config = config_of(deploy(workspace, bob, version, target=fake.target))
    assert config.environment.requirements == ["scikit-learn==1.8.0"]


def test_bundle_tells_the_loader_file_format_and_version(workspace, bob, fake):
    revision = deploy(workspace, bob, tree(workspace), target=fake.target).revisions.get()
    (model,) = contents_of(Content.of(revision)).models
    assert msgspec.to_builtins(model) == {
        "name": "tree",
        "version": 1,
        "path": "models/tree/1",
        "framework": "scikit-learn",
        "signature": {"inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 4]}]},
        "file": "model.pkl",
        "format": "pickle",
        "framework_version": "1.9.1",
    }


def test_unsafe_file_is_refused_and_leaves_nothing(workspace, bob, fake):
    version = tree(workspace, globals=["sklearn.svm.SVC", "os.system"])
    with pytest.raises(BadInput, match=r"would run os\.system"):
        deploy(workspace, bob, version, target=fake.target)
    assert not InferenceConfig.objects.exists()
    assert not Environment.objects.filter(name__startswith="no-code").exists()


def test_config_without_an_environment_serves_onnx_only(workspace, bob, iris, fake):
    plain = configs.default_for(iris, bob)
    with pytest.raises(BadInput, match="runs in the studio's own environment, which has no scikit-learn"):
        deploy(workspace, bob, tree(workspace), config=plain, target=fake.target)


def test_config_with_an_environment_of_ones_own_is_taken(workspace, bob, fake):
    environment = configs.default_for(tree(workspace), bob).environment
    own = configs.create(workspace=workspace, actor=bob, name="own", kind=ConfigKind.NO_CODE, environment=environment)
    service = deploy(workspace, bob, tree(workspace, name="other"), config=own, target=fake.target)
    assert config_of(service) == own


def test_grpc_is_refused_where_the_environment_has_none(workspace, bob, fake):
    with pytest.raises(BadDeploymentConfig, match="has no gRPC") as refused:
        deploy(workspace, bob, tree(workspace), target=fake.target, deployment_config={"grpc": True})
    assert refused.value.field == "grpc"
