"""The composer's form: what people type and upload becomes what `configs.create` and `configs.check` take."""

from typing import Any, cast

from django import forms

from deployments.config import configs
from deployments.config.findings import Finding
from deployments.config.sources import MAX_SCRIPT_BYTES, Content
from deployments.models.config import ConfigKind
from registry.environments import environments, requirement_files
from registry.models import Environment, Upload
from studio.accounts.access import WorkspaceRequest
from studio.core.errors import BadInput, SlipwayError

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


class ConfigForm(forms.Form):
    kind = forms.ChoiceField(
        choices=[
            (ConfigKind.ENTRY_SCRIPT, "Entry script: own code, any framework"),
            (ConfigKind.NO_CODE, "No code: ONNX models only"),
        ],
        widget=forms.RadioSelect,
    )
    name = forms.CharField(
        max_length=120,
        help_text="An existing name gets its next version.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    description = forms.CharField(required=False, max_length=10_000, widget=forms.TextInput())
    entry_script = forms.CharField(
        required=False,
        max_length=500,
        initial="score.py",
        label="Entry script",
        help_text="Path of the script that defines init() and run(), among the files.",
        widget=forms.TextInput(attrs={"spellcheck": "false"}),
    )
    script = forms.CharField(
        required=False,
        strip=False,
        max_length=MAX_SCRIPT_BYTES,
        label="Code of the entry script",
        help_text="Leave it empty if the script is among the uploaded files.",
        widget=forms.Textarea(
            attrs={"rows": 24, "class": "mono", "spellcheck": "false", "autocapitalize": "off", "wrap": "off"}
        ),
    )
    environment = forms.ChoiceField(required=False, help_text="An entry script needs one.")

    def __init__(self, request: WorkspaceRequest, **kwargs: Any) -> None:
        super().__init__(request.POST if request.method == "POST" else None, **kwargs)
        self.workspace = request.workspace
        environments.curated(request.workspace)
        rows = Environment.objects.in_workspace(request.workspace)
        offered = [(str(row), f"{row} (Python {row.python_version})") for row in rows]
        cast(forms.ChoiceField, self.fields["environment"]).choices = [("", "Choose one"), *offered]

    def facts(self, files: list[Upload]) -> dict[str, Any]:
        """Keyword arguments of `configs.check`. Raises `BadInput` for files that a config cannot hold."""
        data = self.cleaned_data
        coded = data.get("kind") == ConfigKind.ENTRY_SCRIPT
        content: dict[str, Content] = {upload.path: upload for upload in files}
        if coded and data.get("script", "").strip():
            content[data.get("entry_script") or "score.py"] = data["script"].replace("\r\n", "\n").encode()
        reference = data.get("environment")
        return {
            "kind": data.get("kind", ""),
            "entry_script": data.get("entry_script", ""),
            "files": configs.gather(content, self.workspace),
            "environment": environments.find(self.workspace, reference) if coded and reference else None,
        }

    def findings(self, files: list[Upload]) -> list[Finding]:
        """What is right and wrong with what stands in the form now."""
        self.is_valid()
        try:
            return configs.check(**self.facts(files))
        except SlipwayError as error:
            return [Finding("error", error.code, error.message, error.hint)]


class ImportForm(forms.Form):
    """Azure's file, pasted or as it is."""

    inferenceconfig = forms.CharField(
        required=False,
        label="inferenceconfig.json",
        max_length=200_000,
        help_text="The text of the file. Keys: entryScript, environment, description.",
        widget=forms.Textarea(attrs={"rows": 18, "class": "mono", "spellcheck": "false"}),
    )
    file = forms.FileField(required=False, label="As a file", help_text="In place of the text, in any encoding.")

    def text(self) -> str:
        """What is to be imported. Raises `BadInput`."""
        typed: str = self.cleaned_data["inferenceconfig"]
        file = self.cleaned_data["file"]
        if bool(typed.strip()) == (file is not None):
            raise BadInput("Give inferenceconfig.json as text or as a file.", field="inferenceconfig")
        return typed if file is None else requirement_files.decode(file.read(requirement_files.MAX_BYTES + 1))
