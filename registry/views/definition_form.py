"""The form that edits an environment as YAML: its name, its whole definition, private wheels."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from registry.environments import definition_yaml, private_wheels, requests
from registry.environments.private_wheels import Wheel
from registry.models import Environment
from registry.store import artifacts
from studio.accounts.models import User, Workspace
from studio.core import form_errors
from studio.core.errors import BadInput, SlipwayError

START = """\
python: "{python}"
requirements:
  - scikit-learn==1.9.*
  - pandas>=2
# Variables of the process that runs services:
# variables:
#   LOG_LEVEL: info
# For images, a base in place of the studio's own, and steps on top of it:
# base_image: python:{python}-slim
# docker_steps:
#   - RUN apt-get update && apt-get install -y --no-install-recommends libgdal32
"""


class ManyFilesInput(forms.FileInput):
    allow_multiple_selected = True


class ManyFiles(forms.FileField):
    """Any number of files, which the browser's own field lets people choose together."""

    widget = ManyFilesInput

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return super().widget_attrs(widget) | {"multiple": True, "accept": ".whl"}

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        """The files that were sent, each checked as a file of its own."""
        return [super(ManyFiles, self).clean(file, initial) for file in data or ()]


class DefinitionForm(forms.Form):
    """`base` is the environment that it starts from, whose wheels it may keep."""

    name = forms.CharField(
        max_length=120,
        help_text="An existing name gets its next version, another one is a copy.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    definition = forms.CharField(
        strip=False,
        help_text="YAML with python, requirements, description, variables, base_image, dockerfile, docker_steps, conda "
        "and wheels; or the text of a conda file.",
        widget=forms.Textarea(attrs={"rows": 22, "class": "mono", "spellcheck": "false"}),
    )
    wheels = ManyFiles(
        required=False,
        label="Private wheels to add",
        help_text="Packages of your own, as .whl files. Those that are there already are listed under wheels above.",
    )

    def __init__(self, *args: Any, base: Environment | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._base = base

    def save(self, workspace: Workspace, actor: User) -> Environment:
        """The next version. Raises `SlipwayError`, which tells the line of the definition."""
        document = definition_yaml.read(self.cleaned_data["definition"])
        kept = private_wheels.wheels_of(self._base) if self._base else []
        added = self._added()
        private = requests.merge(requests.named(document, kept, added), added)
        return requests.define_document(workspace, actor, self.cleaned_data["name"], document, private)

    def show(self, error: SlipwayError) -> None:
        """Put the error beside what it is about."""
        form_errors.show(self, error)

    def _added(self) -> list[Wheel]:
        sent: list[UploadedFile] = self.cleaned_data["wheels"]
        for file in sent:
            if (file.size or 0) > private_wheels.MAX_BYTES:
                raise BadInput(f"{file.name} is too large.", field="wheels")
        return private_wheels.adopt((file.name or "", artifacts.store(file)) for file in sent)
