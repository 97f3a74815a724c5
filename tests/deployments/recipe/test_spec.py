import hashlib
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from deployments.config import configs
from deployments.recipe.recipe import content_hash, content_of, hash_of, revision_hash
from deployments.recipe.spec import spec_for
from tests.deployments.service_factories import SCRIPT, deploy, make_config
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(workspace, bob, iris, fake):
    return deploy(
        workspace, bob, iris, target=fake.target, deployment_config={"memory_gb": 0.5, "max_body_mb": 2, "cpu": 2}
    )


def test_a_specification_has_everything_a_target_needs(service, settings):
    settings.STUDIO_URL = "http://studio:8000/"
    spec = spec_for(service, service.revisions.get())
    key = service.keys.get(slot="primary").value
    assert (spec.name, spec.workspace, spec.revision, spec.kind) == ("iris", "vision", 1, "no_code")
    assert (spec.memory_bytes, spec.max_body_bytes, spec.cpus) == (512 * 1024**2, 2 * 1024**2, 2)
    assert spec.bundle == settings.DATA_DIR / "bundles" / service.revisions.get().content_hash
    assert spec.python == Path(sys.executable)
    assert spec.key_digests[0] == hashlib.sha256(key.encode()).hexdigest()
    assert spec.telemetry_url == "http://studio:8000/api/v1/telemetry"


def test_a_specification_holds_no_key_and_shows_no_token(service):
    spec = spec_for(service, service.revisions.get())
    for key in service.keys.all():
        assert key.value not in str(vars(spec))
    assert service.telemetry_token
    assert service.telemetry_token not in repr(spec)


def test_making_a_specification_changes_nothing(service):
    revision = service.revisions.get()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        first, second = spec_for(service, revision), spec_for(service, revision)
    assert first == second
    assert all(query["sql"].startswith("SELECT") for query in queries)
    with pytest.raises(FrozenInstanceError):
        first.port = 1


def test_an_entry_script_runs_in_its_environments_python(workspace, bob, fake, settings):
    config = make_config(workspace, bob, "joblib")
    version = make_version(workspace, "pickled", files={"model.pkl": b"x"}, framework="scikit-learn")
    service = deploy(workspace, bob, version, name="pickled", config=config, target=fake.target)
    spec = spec_for(service, service.revisions.get())
    folder = settings.DATA_DIR / "environments" / config.environment.definition_hash
    assert (spec.kind, spec.python) == ("entry_script", folder / "bin" / "python")


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
