"""The form that defines an environment: a name, a Python version, and requirements or conda's YAML."""

from typing import Any

from django import forms

from registry.environments import definition_text, requirement_files
from registry.environments.interpreters import Interpreter
from studio.core import form_errors
from studio.core.errors import BadInput, SlipwayError

EXAMPLE = "scikit-learn==1.7.*\npandas>=2"


class EnvironmentForm(forms.Form):
    name = forms.CharField(
        max_length=120,
        help_text="An existing name gets its next version.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    python_version = forms.CharField(
        max_length=16,
        label="Python version",
        widget=forms.TextInput(attrs={"list": "python-versions", "autocomplete": "off"}),
    )
    requirements = forms.CharField(
        required=False,
        strip=False,
        help_text="One pip requirement a line, or the text of a conda file (Python version and pip section). "
        "What the scoring server needs is added by itself.",
        widget=forms.Textarea(attrs={"rows": 14, "class": "mono", "spellcheck": "false", "placeholder": EXAMPLE}),
    )

    file = forms.FileField(
        required=False,
        allow_empty_file=True,
        label="Requirements as a file",
        help_text="In place of the text: requirements.txt or a conda file, in any encoding that pip reads.",
    )

    def __init__(self, *args: Any, installed: list[Interpreter], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_file: set[str] = set()  # fields whose values the file gives
        self.installed = installed
        versions = ", ".join(interpreter.version for interpreter in installed)
        self.fields["python_version"].help_text = f"Installed on this machine: {versions}."

    def facts(self) -> dict[str, Any]:
        """Keyword arguments of `environments.define`; a conda file's own Python version wins. Raises `BadInput`."""
        written = definition_text.read_text(self._text())
        if written.python_version and self._in_file:
            self._in_file.add("python_version")
        return {
            "name": self.cleaned_data["name"],
            "python_version": written.python_version or self.cleaned_data["python_version"],
            "requirements": written.lines,
            **written.further,
        }

    def show(self, error: SlipwayError) -> None:
        """Put the error beside what it is about: the file, where the value comes from there."""
        if error.field in self._in_file:
            error.field = "file"
        form_errors.show(self, error)

    def _text(self) -> str:
        typed: str = self.cleaned_data["requirements"]
        file = self.cleaned_data["file"]
        if file is None:
            return typed
        if typed.strip():
            raise BadInput("Give the requirements as text or as a file, not both.", field="file")
        self._in_file.add("requirements")
        return requirement_files.decode(file.read(requirement_files.MAX_BYTES + 1))
