"""What the composer begins with: an empty script, an earlier version of a config, or a script for a model version."""

from typing import Any

from deployments.config import configs
from deployments.config.first_script import first_script
from deployments.config.json_text import readable
from deployments.services import samples
from deployments.views.config_form import NEW, ConfigForm
from deployments.views.config_import import imported
from deployments.views.form_defaults import FREE_FORM
from deployments.views.source_text import editable_text_of
from registry.environments import environments, interpreters
from registry.environments.paths import CURATED_NAME
from registry.models import ModelVersion
from registry.versions.registration import find_version
from studio.accounts.access import WorkspaceRequest

SHOWN_FILES = 50  # of an earlier version that can be edited
SCRIPT = '''import json
import os

import numpy as np


def init():
    """Called once per process, before the first request: load the model here."""
    global model
    folder = os.environ["AZUREML_MODEL_DIR"]
    model = None  # for example joblib.load(os.path.join(folder, "model.pkl"))


def run(data):
    """Called for every request with its body as text; what it returns is sent as JSON."""
    rows = np.array(json.loads(data)["data"])
    return {"rows": len(rows)}
'''


def form_for(request: WorkspaceRequest) -> ConfigForm:
    """The composer's form as it is opened. Raises `NotFound` for what the address names and is not there."""
    initial: dict[str, Any] = {
        "kind": "entry_script",
        "entry_script": "score.py",
        "script": SCRIPT,
        "environment": f"{CURATED_NAME}:1",
        "python_version": interpreters.own().minor,
        "sample": readable(FREE_FORM),
    }
    if reference := request.GET.get("for"):
        initial |= _for_version(find_version(request.workspace, reference))
    initial |= {key: request.GET[key] for key in ("environment", "entry_script", "description") if key in request.GET}
    initial |= imported(request)
    if not (reference := request.GET.get("from")):
        return ConfigForm(request.workspace, initial=initial)
    source = configs.find(request.workspace, reference)
    files = [(file, editable_text_of(file)) for file in source.files.select_related("artifact")]
    initial |= {"name": source.name, "kind": source.kind, "description": source.description}
    initial |= {"entry_script": source.entry_script, "environment": str(source.environment or "")}
    initial |= {"environment_variables": source.environment_variables}
    initial["script"] = next((text for file, text in files if file.path == source.entry_script), "")
    form = ConfigForm(request.workspace, initial=initial)
    further = [pair for pair in files if pair[0].path != source.entry_script or not initial["script"]]
    form.keep([*further[:SHOWN_FILES], *((file, "") for file, _ in further[SHOWN_FILES:])])
    return form


def _for_version(version: ModelVersion) -> dict[str, Any]:
    """A script that loads the version, and the environment that its file asks for."""
    start = first_script(str(version), version.framework, version.framework_version, version.facts)
    known = samples.request_for(version, with_script=True)
    initial = {
        "name": version.name,
        "description": f"Serves {version.name}.",
        "script": start.text,
        "model": str(version),
        "sample": readable(known or FREE_FORM),
    }
    if not start.requirements:
        return initial
    wanted = environments.draft(
        workspace=version.workspace,
        name=version.name,
        python_version=interpreters.own().minor,
        requirements=start.requirements,
    )
    requirements = "\n".join(wanted.requirements)
    return initial | {"environment": str(wanted) if wanted.pk else NEW, "requirements": requirements}
