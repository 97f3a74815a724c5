"""Small studios, each with a data folder (and with DATABASE_URL a database) of its own, that are never started."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.stack import ROOT, own_servers

FILL = """
import django; django.setup()
import io
from django.core.management import call_command
from deployments.models import BuiltBundle, Service
from deployments.services.create import create_service, local_target
from registry.store import artifacts
from registry.models import Upload
from studio.accounts.models import User, Workspace
call_command("migrate", verbosity=0)
person = User.objects.create_superuser("admin", password="a-long-password")
workspace = Workspace.objects.create(slug="default", name="Default")
service = create_service(workspace, person, "prices", local_target(workspace))
BuiltBundle.objects.create(content_hash="c" * 64, place="c" * 64)
Upload.objects.create(workspace=workspace, user=person, path="half", size=9, received=4)
for content in (b"first model", b"second model" * 100_000):
    artifacts.store(io.BytesIO(content))
"""
LOOK = """
import django; django.setup()
import json
from deployments.models import BuiltBundle, Service
from registry.models import Artifact, Upload
from registry.store import artifacts
service = Service.objects.get()
print(json.dumps({
    "service": service.name,
    "keys": sorted(key.value for key in service.keys.all()),
    "artifacts": {a.digest: artifacts.open_artifact(a).read().decode() for a in Artifact.objects.all()},
    "bundles": BuiltBundle.objects.count(),
    "uploads": Upload.objects.count(),
}))
"""


@dataclass
class Studio:
    data: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLIPWAY_", "DJANGO_"))}
        own = own_servers() | {"SLIPWAY_DATA": str(self.data), "DJANGO_SETTINGS_MODULE": "studio.settings"}
        self.environ = kept | own | self.environ

    def run(self, *command: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, *command], cwd=ROOT, env=self.environ, capture_output=True, text=True, check=False
        )

    def manage(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.run("manage.py", *arguments)

    def python(self, code: str) -> str:
        done = self.run("-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fill(self) -> "Studio":
        self.python(FILL)
        return self

    def contents(self) -> dict:
        return json.loads(self.python(LOOK))


@pytest.fixture
def studio(tmp_path):
    return Studio(tmp_path / "data").fill()


@pytest.fixture
def another(tmp_path):
    return Studio(tmp_path / "another")


@pytest.fixture
def place(tmp_path):
    return tmp_path / "backups"
