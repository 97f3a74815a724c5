"""The composer's form: what people type and upload becomes what `configs.create` and `configs.check` take."""

from collections.abc import Iterable
from typing import Any, cast

from django import forms
from django.http import QueryDict

from deployments.config import configs
from deployments.config.checks import check_model
from deployments.config.findings import Finding
from deployments.config.sources import MAX_SCRIPT_BYTES, Content
from deployments.models import ConfigFile
from deployments.models.config import ConfigKind
from deployments.views import version_choice
from deployments.views.option_fields import MULTILINE, Variables
from registry.environments import definition_text, environments, interpreters
from registry.models import Environment, ModelVersion, Upload
from studio.accounts.models import Workspace
from studio.core.errors import BadInput, SlipwayError

NEW = "+"  # the choice of an environment that is made with the config; no environment can be called so
CODE = {"rows": 24, "class": "mono", "spellcheck": "false", "autocapitalize": "off", "wrap": "off"}
PLAIN = {"autocomplete": "off", "spellcheck": "false"}


class ConfigForm(forms.Form):
    """The fields, and beside them the files that stand in the page: `texts` (path and text of each that can be edited,
    but for the entry script) and `kept` (those of an earlier version that cannot)."""

    kind = forms.ChoiceField(
        choices=[
            (ConfigKind.ENTRY_SCRIPT, "Entry script: own code, any framework"),
            (ConfigKind.NO_CODE, "No code: the studio loads the model"),
        ],
        widget=forms.RadioSelect,
    )
    name = forms.CharField(
        max_length=120, help_text="An existing name gets its next version.", widget=forms.TextInput(attrs=PLAIN)
    )
    description = forms.CharField(required=False, max_length=10_000, widget=forms.TextInput())
    entry_script = forms.CharField(
        required=False,
        max_length=500,
        initial="score.py",
        label="Entry script",
        help_text="Defines init() and run(). Its code below, or empty where the script is among the uploaded files.",
        widget=forms.TextInput(attrs={"spellcheck": "false"}),
    )
    script = forms.CharField(
        required=False,
        strip=False,
        max_length=MAX_SCRIPT_BYTES,
        label="Code of the entry script",
        widget=forms.Textarea(attrs=CODE),
    )
    environment = forms.ChoiceField(required=False, help_text="What the script runs in.")
    python_version = forms.CharField(required=False, max_length=16, label="Python version", widget=forms.Select)
    requirements = forms.CharField(
        required=False,
        strip=False,
        max_length=200_000,
        label="Packages",
        help_text="One pip requirement a line. What the scoring server needs is added by itself, NumPy among it.",
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono", "spellcheck": "false"}),
    )
    environment_variables = Variables(
        required=False,
        max_length=100_000,
        help_text="NAME=value, one a line. The script sees them, unless a deployment sets its own; viewers do not see "
        "the values.",
        widget=forms.Textarea(attrs=MULTILINE | {"placeholder": "LOG_LEVEL=info"}),
    )
    model = forms.CharField(
        required=False, max_length=300, label="Model version", help_text="Its files are there.", widget=forms.Select
    )
    sample = forms.CharField(
        required=False,
        strip=False,
        max_length=1_000_000,
        label="Sample request",
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono", "spellcheck": "false"}),
    )

    def __init__(self, workspace: Workspace, data: QueryDict | None = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.workspace = workspace
        given = data if data is not None else QueryDict()
        self.texts = list(zip(given.getlist("path"), given.getlist("text"), strict=False))
        numbers = [int(one) for one in given.getlist("kept") if one.isdecimal() and len(one) < 18]
        self.chosen_environment: Environment | None = None  # known, like `lacking`, once `findings` was asked
        self.lacking: list[str] = []  # packages that the environment seems to lack
        self.kept = list(_files_of(workspace).filter(pk__in=numbers))
        self._offer_environments()
        self._offer_versions()

    def offer_pythons(self) -> None:
        """Offer the Pythons of this machine: asks uv, which a page waits for and a check while typing does not."""
        minors = dict.fromkeys(interpreter.minor for interpreter in interpreters.installed())
        cast(forms.Select, self.fields["python_version"].widget).choices = [(minor, minor) for minor in minors]

    def keep(self, files: Iterable[tuple[ConfigFile, str]]) -> None:
        """Begin with the files of an earlier version: text is edited, the rest goes along."""
        for file, text in files:
            if text:
                self.texts.append((file.path, text))
            else:
                self.kept.append(file)

    def facts(self, files: list[Upload], environment: Environment | None = None) -> dict[str, Any]:
        """Keyword arguments of `configs.check`. Raises `BadInput` for files that a config cannot hold, and for a new
        environment that cannot be; `environment` is that one, once it is made."""
        data = self.cleaned_data
        coded = data.get("kind") == ConfigKind.ENTRY_SCRIPT
        return {
            "kind": data.get("kind", ""),
            "entry_script": data.get("entry_script", ""),
            "files": configs.gather(self._content(files, coded), self.workspace),
            "environment": (environment or self._environment()) if coded else None,
        }

    def findings(self, files: list[Upload]) -> list[Finding]:
        """What is right and wrong with what stands in the form now; `lacking` is known from then on."""
        self.is_valid()
        try:
            facts = self.facts(files)
            found = [*configs.check(**facts), *check_model(facts["entry_script"], facts["files"], self.version())]
        except SlipwayError as error:
            return [Finding("error", error.code, error.message, error.hint)]
        self.chosen_environment = facts["environment"]
        self.lacking = list(dict.fromkeys(finding.package for finding in found if finding.package))
        return found

    def with_packages(self, files: list[Upload]) -> str:
        """Requirements of a new environment: those of the chosen one and what the imports lack beside them."""
        self.is_valid()
        chosen = self._environment()
        lines = list(chosen.requirements) if chosen else []
        facts = self.facts(files, self._draft(lines))
        lacking = [finding.package for finding in configs.check(**facts) if finding.package]
        return "\n".join(dict.fromkeys([*lines, *lacking]))

    @property
    def packages(self) -> list[str]:
        """What the environment has, each with its version where it is locked."""
        found = self.chosen_environment
        if found is None:
            return []
        locked = [line.split(";")[0].split()[0] for line in found.lock.splitlines() if line[:1].isalnum()]
        return locked or list(found.requirements)

    @property
    def makes_environment(self) -> bool:
        """Whether an environment is to be made with the config."""
        return self["environment"].value() == NEW and self["kind"].value() == ConfigKind.ENTRY_SCRIPT

    def definition(self) -> dict[str, Any]:
        """Keyword arguments of `environments.define` for the new environment, which is called like the config."""
        data = self.cleaned_data
        written = definition_text.read_text(data.get("requirements", ""))
        return {
            "name": data.get("name") or "new",
            "python_version": written.python_version or data.get("python_version") or interpreters.own().minor,
            "requirements": written.lines,
            **written.further,
        }

    def version(self) -> ModelVersion | None:
        """The version that a trial is made with."""
        return next(iter(version_choice.find_all(self.workspace, [self.cleaned_data.get("model", "")])), None)

    def _content(self, files: list[Upload], coded: bool) -> dict[str, Content]:
        found: list[tuple[str, Content]] = [(upload.path, upload) for upload in files]
        if coded:
            data = self.cleaned_data
            typed = [(data.get("entry_script") or "score.py", data.get("script", "")), *self.texts]
            found += [(path.strip(), _as_bytes(text)) for path, text in typed if text.strip()]
            found += [(file.path, file.artifact) for file in self.kept]
        content = dict(found)
        if len(content) < len(found):
            twice = next(path for path, _ in found if sum(path == other for other, _ in found) > 1)
            raise BadInput(f"Two files are called {twice}.", hint="Rename or remove one of them.", field="entry_script")
        return content

    def _environment(self) -> Environment | None:
        reference = self.cleaned_data.get("environment")
        if reference == NEW:
            return self._draft(self.definition()["requirements"])
        return environments.find(self.workspace, reference) if reference else None

    def _draft(self, requirements: list[str]) -> Environment:
        return environments.draft(workspace=self.workspace, **self.definition() | {"requirements": requirements})

    def _offer_environments(self) -> None:
        environments.curated(self.workspace)
        rows = Environment.objects.in_workspace(self.workspace).registered()
        offered = [(str(row), f"{row} (Python {row.python_version})") for row in rows]
        self._offer("environment", [("", "Choose one"), (NEW, "A new one, with the packages below"), *offered])

    def _offer_versions(self) -> None:
        chosen = version_choice.find_all(self.workspace, [str(self["model"].value() or "")])
        groups = version_choice.offered(self.workspace, chosen)
        cast(forms.Select, self.fields["model"].widget).choices = [("", "None"), *groups]

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        cast(forms.ChoiceField, self.fields[name]).choices = choices


def _files_of(workspace: Workspace) -> Any:
    return ConfigFile.objects.filter(config__workspace=workspace).select_related("artifact")


def _as_bytes(text: str) -> bytes:
    return text.replace("\r\n", "\n").encode()
