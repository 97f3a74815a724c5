"""The deploy form: what people type becomes a `DeployRequest`."""

from typing import Any, cast

from django import forms

from deployments.config import options, server_options
from deployments.errors import BadDeploymentConfig
from deployments.models import InferenceConfig, Target
from deployments.models.config import ConfigKind
from deployments.services.deploy_request import DeployRequest, resolve
from deployments.views import option_fields
from deployments.views.option_fields import MULTILINE, PLAIN, JSONText
from registry.models import ModelVersion, VersionState
from studio.accounts.models import User, Workspace
from studio.core.form_errors import show

OFFERED = 100  # versions and configs that the form suggests
ACCESS: dict[str, dict[str, bool]] = {"token": {"token_auth": True}, "none": {"auth": False}}  # else keys
# Fields that are no option, or stand for two of them, below the headings of the options.
BEFORE = {options.ACCESS: ["auth"]}
AFTER = {options.SIZE: ["target"], options.OTHER: ["server"]}
NOTES = "Notes"


class DeployForm(forms.Form):
    name = forms.CharField(
        max_length=63,
        help_text="Part of the service's address here; lower-case letters, digits and '-'.",
        widget=forms.TextInput(attrs=PLAIN),
    )
    models = forms.CharField(
        max_length=2000,
        label="Model versions",
        help_text="name:number; several separated by commas.",
        widget=forms.TextInput(attrs=PLAIN | {"list": "versions"}),
    )
    config = forms.ChoiceField(
        required=False,
        label="Inference config",
        help_text="How requests become predictions. ONNX models need none.",
    )
    overwrite = forms.BooleanField(
        required=False,
        label="Update the service if it exists",
        help_text="It gets a new revision; address and keys stay.",
    )
    description = forms.CharField(required=False, max_length=2000)
    reason = forms.CharField(
        required=False, max_length=2000, label="Why", help_text="Kept with the revision and in the activity."
    )
    target = forms.ChoiceField(required=False, help_text="Where the service runs.")
    auth = forms.ChoiceField(
        required=False,
        initial="key",
        label="Calls need",
        choices=[("key", "A key"), ("token", "A token that expires"), ("none", "Nothing")],
        help_text="The studio makes tokens, for an hour each. Nothing: whoever reaches the service may call it.",
    )
    server = JSONText(
        required=False,
        label="Other server options",
        help_text='JSON, for what has no field above: {"batching": {"pad": {"tokens": 0}}}.',
        widget=forms.Textarea(attrs=MULTILINE),
    )

    def __init__(self, workspace: Workspace, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace
        self.fields.update(option_fields.fields())
        scripts = InferenceConfig.objects.in_workspace(workspace).filter(kind=ConfigKind.ENTRY_SCRIPT)
        names = [str(config) for config in scripts.order_by("-id")[:OFFERED]]
        self._offer("config", [("", "No code (ONNX)"), *((name, name) for name in names)])
        targets = {"local", *Target.objects.in_workspace(workspace).values_list("name", flat=True)}
        self._offer("target", [(name, name) for name in sorted(targets)])

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        cast(forms.ChoiceField, self.fields[name]).choices = choices

    @property
    def versions(self) -> list[str]:
        """Suggestions for the model field."""
        ready = ModelVersion.objects.in_workspace(self.workspace).filter(state=VersionState.READY)
        return [str(version) for version in ready.select_related("model").order_by("-id")[:OFFERED]]

    @property
    def advanced(self) -> list[tuple[str, int, list[forms.BoundField]]]:
        """Heading, columns and fields of every group."""
        groups = [(NOTES, 2, ["reason", "description"])]
        for heading, columns in options.GROUPS.items():
            names = [*BEFORE.get(heading, []), *option_fields.names_in(heading), *AFTER.get(heading, [])]
            groups.append((heading, columns, names))
        return [(heading, columns, [self[name] for name in names]) for heading, columns, names in groups]

    @property
    def advanced_is_wrong(self) -> bool:
        return any(field.errors for *_, fields in self.advanced for field in fields)

    @property
    def wrong(self) -> list[forms.BoundField]:
        """The fields that need another look, as they stand on the page."""
        first = [self[name] for name in ("name", "models", "config", "overwrite")]
        folded = [field for *_, fields in self.advanced for field in fields]
        return [field for field in first + folded if field.errors]

    def clean_models(self) -> list[str]:
        references = [part.strip() for part in self.cleaned_data["models"].split(",") if part.strip()]
        if not references:
            raise forms.ValidationError("Name at least one version, for example iris:1.")
        return references

    def clean(self) -> dict[str, Any]:
        """Puts the fields of the options together with the JSON beside them, as `deployment_config`."""
        data = cast(dict[str, Any], super().clean())
        self._check_collection(data)
        try:
            config = option_fields.chosen_in(data) | ACCESS.get(data.get("auth", ""), {})
            server_options.checked(config.get("server", {}))
            data["deployment_config"] = config
        except forms.ValidationError as error:
            self.add_error("server", error)
        except BadDeploymentConfig as error:
            show(self, error)
        return data

    def _check_collection(self, data: dict[str, Any]) -> None:
        share, room = "server_collect_fraction", "server_collect_max_bytes"
        if data.get(room) is not None and data.get(share) is None and share not in self.errors:
            self.add_error(share, "Say which share is kept, or leave the room for it empty.")

    def body(self) -> dict[str, Any]:
        """The values as the REST call takes them, what is empty left out; call it on a valid form."""
        names = ("name", "models", "config", "description", "reason", "overwrite", "deployment_config")
        return {name: self.cleaned_data[name] for name in names if self.cleaned_data[name]}

    def deploy_request(self, actor: User) -> DeployRequest:
        """What the form asks for; call it on a valid form. Raises `SlipwayError` for what the studio does not have."""
        whole = self.body() | {name: self.cleaned_data[name] for name in ("target", "description")}
        return resolve(workspace=self.workspace, actor=actor, **whole)
