import hashlib
from dataclasses import FrozenInstanceError

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from deployments.config import configs
from deployments.recipe.recipe import content_hash, content_of, hash_of, revision_hash
from deployments.recipe.spec import spec_for
from registry.environments.paths import CURATED_HASH
from tests.deployments.service_factories import SCRIPT, deploy, instance_of, make_config
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(workspace, bob, iris, fake):
    return deploy(
        workspace, bob, iris, target=fake.target, deployment_config={"memory_gb": 0.5, "max_body_mb": 2, "cpu": 2}
    )


def test_a_specification_has_everything_a_target_needs(service, settings):
    settings.STUDIO_URL = "http://studio:8000/"
    spec = spec_for(instance_of(service))
    key = service.keys.get(slot="primary").value
    assert (spec.ref.service, spec.ref.workspace, spec.ref.revision, spec.kind) == ("iris", "vision", 1, "no_code")
    assert (spec.memory_bytes, spec.max_body_bytes, spec.cpus) == (512 * 1024**2, 2 * 1024**2, 2)
    assert (spec.bundle, spec.environment) == (service.revisions.get().content_hash, CURATED_HASH)
    assert spec.key_digests[0] == hashlib.sha256(key.encode()).hexdigest()
    assert spec.telemetry_url == "http://studio:8000/api/v1/telemetry"


def test_specification_holds_no_key_and_hides_the_token_secret(service):
    spec = spec_for(instance_of(service))
    for key in service.keys.all():
        assert key.value not in str(vars(spec))
    assert service.telemetry_token
    assert service.telemetry_token not in repr(spec)


def test_specification_has_no_paths_or_ports_of_a_target(service, settings):
    told = str(vars(spec_for(instance_of(service))))
    assert str(settings.DATA_DIR) not in told
    assert str(service.port) not in told


def test_specification_is_computed_without_writes(service):
    instance = instance_of(service)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        first, second = spec_for(instance), spec_for(instance)
    assert first == second
    assert all(query["sql"].startswith("SELECT") for query in queries)
    with pytest.raises(FrozenInstanceError):
        first.bundle = "another"


def test_an_entry_script_runs_in_its_environment(workspace, bob, fake):
    config = make_config(workspace, bob, "joblib")
    version = make_version(workspace, "pickled", files={"model.pkl": b"x"}, framework="scikit-learn")
    service = deploy(workspace, bob, version, name="pickled", config=config, target=fake.target)
    spec = spec_for(instance_of(service))
    assert (spec.kind, spec.environment) == ("entry_script", config.environment.definition_hash)


def test_variables_of_the_config_hold_unless_the_deployment_sets_its_own(workspace, bob, fake):
    first = make_config(workspace, bob, variables={"A": "config", "B": "config"})
    options = {"environment_variables": {"B": "deployment"}}
    service = deploy(workspace, bob, config=first, target=fake.target, deployment_config=options)
    assert spec_for(instance_of(service)).environment_variables == {"A": "config", "B": "deployment"}
    second = make_config(workspace, bob, variables={"A": "changed", "B": "config"})
    before, after = (revision_hash([], config, options) for config in (first, second))
    assert before != after
    assert content_hash([], first) == content_hash([], second)


def test_variables_of_the_environment_give_way_to_those_of_the_config(workspace, bob, fake):
    config = make_config(workspace, bob, variables={"A": "config"})
    plain = revision_hash([], config, {})
    config.environment.variables = {"A": "environment", "C": "environment"}
    config.environment.save()
    service = deploy(workspace, bob, config=config, target=fake.target)
    assert spec_for(instance_of(service)).environment_variables == {"A": "config", "C": "environment"}
    assert revision_hash([], config, {}) != plain


def test_the_content_hash_depends_on_everything_that_is_built(workspace, bob, iris):
    def config(script=SCRIPT, *requirements):
        return make_config(workspace, bob, *requirements, files={"score.py": script})

    other = make_version(workspace, "iris")
    base = content_hash([iris], config())
    assert content_hash([iris], config()) == base  # another number, the same files
    changed = [
        content_hash([other], config()),
        content_hash([iris, other], config()),
        content_hash([iris], config(SCRIPT + b"\n")),
        content_hash([iris], config(SCRIPT, "pandas")),
        content_hash([iris], configs.default_for(iris, bob)),
    ]
    assert len({base, *changed}) == len(changed) + 1
    assert content_hash([other, iris], config()) == content_hash([iris, other], config())


def test_the_revision_hash_depends_on_content_and_options(iris, bob, workspace):
    config = configs.default_for(iris, bob)
    base = revision_hash([iris], config, {"cpu": 1})
    assert revision_hash([iris], config, {"cpu": 1}) == base
    others = [
        revision_hash([iris], config, {"cpu": 2}),
        revision_hash([make_version(workspace, "x")], config, {"cpu": 1}),
    ]
    assert len({base, *others}) == 3


def test_the_order_of_keys_does_not_change_a_hash(iris, bob):
    content = content_of([iris], configs.default_for(iris, bob))
    assert hash_of(dict(reversed(content.items()))) == hash_of(content)
