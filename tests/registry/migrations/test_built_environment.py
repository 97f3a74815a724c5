"""Environments installed before built environments had rows are adopted."""

import importlib

import pytest
from django.apps import apps

from registry.environments import built
from registry.environments.paths import environment_log_path, environment_path
from registry.models import BuiltEnvironment

pytestmark = pytest.mark.django_db
take_over = importlib.import_module("registry.migrations.0006_built_environment").take_over_environments


def test_installed_environment_is_ready_and_one_with_only_a_log_has_failed(define, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    ready, failed, new = define("a"), define("b"), define("c")
    python = environment_path(ready.definition_hash) / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_bytes(b"python")
    log = environment_log_path(failed.definition_hash)
    log.parent.mkdir(parents=True)
    log.touch()

    take_over(apps, None)
    take_over(apps, None)

    assert [built.state_of(one)[0] for one in (ready, failed, new)] == ["ready", "last try failed", "not made yet"]
    assert BuiltEnvironment.objects.get(definition_hash=ready.definition_hash).size_bytes == 6
