"""Revisions and bundles from before the content hash are adopted."""

import importlib

import pytest
from django.apps import apps

from deployments.models import BuiltBundle, Revision
from deployments.recipe.build_paths import bundle_path
from tests.deployments.service_factories import deploy, make_config
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db
take_over = importlib.import_module("deployments.migrations.0009_content_hash_and_built_bundle").take_over_revisions


@pytest.fixture
def revision(workspace, bob, fake, settings, tmp_path):
    """A revision of the earlier release: no content hash, its bundle in a folder named by the revision hash."""
    settings.DATA_DIR = tmp_path
    version = make_version(workspace, "pickled", files={"a/model.pkl": b"x"}, framework="scikit-learn", folder="a")
    config = make_config(workspace, bob, "joblib")
    deploy(workspace, bob, version, config=config, built=False, target=fake.target)
    made = Revision.objects.get()
    Revision.objects.update(content_hash="")
    bundle_path(made.revision_hash).mkdir(parents=True)
    (bundle_path(made.revision_hash) / "bundle.json").write_text("{}")
    return made


def test_revision_gets_its_content_hash(revision):
    expected = revision.content_hash
    take_over(apps, None)
    assert Revision.objects.get().content_hash == expected


def test_existing_bundle_is_found_in_its_old_folder(revision):
    take_over(apps, None)
    take_over(apps, None)
    bundle = BuiltBundle.objects.get()
    assert (bundle.content_hash, bundle.place, bundle.size_bytes) == (revision.content_hash, revision.revision_hash, 2)
    assert (bundle_path(revision.content_hash) / "bundle.json").read_text() == "{}"


def test_missing_bundle_gets_no_row(revision):
    bundle_path(revision.revision_hash).rename(bundle_path("lost"))
    take_over(apps, None)
    assert not BuiltBundle.objects.exists()
    assert not bundle_path(revision.content_hash).is_symlink()
