"""The deploy form: what people type becomes what `releases.deploy` takes, and its errors go beside their fields."""

from typing import Any, cast

from django import forms

from deployments import configs, releases
from deployments.models import InferenceConfig, Service, Target
from deployments.models.config import ConfigKind
from registry.models import ModelVersion, VersionState
from registry.registration import find_version
from studio.accounts.models import User, Workspace
from studio.core.errors import SlipwayError
from studio.core.form_errors import show

OFFERED = 100  # versions and configs that the form suggests
NUMBERS = ("cpu", "memory_gb", "processes", "start_deadline_seconds", "scoring_timeout_seconds", "max_body_mb")
PLAIN = {"autocomplete": "off", "spellcheck": "false"}


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
    cpu = forms.FloatField(
        required=False, label="CPU cores", widget=forms.NumberInput(attrs={"step": "any", "min": 0.1})
    )
    memory_gb = forms.FloatField(
        required=False, label="Memory in GB", widget=forms.NumberInput(attrs={"step": "any", "min": 0.1})
    )
    processes = forms.IntegerField(required=False, help_text="Empty: chosen from the cores.")
    start_deadline_seconds = forms.IntegerField(
        required=False, label="Start deadline in seconds", help_text="Not ready by then counts as failed."
    )
    scoring_timeout_seconds = forms.FloatField(required=False, label="Scoring timeout in seconds")
    max_body_mb = forms.IntegerField(required=False, label="Largest request in MB")
    auth = forms.BooleanField(required=False, initial=True, label="Calls need a key")
    grpc = forms.BooleanField(
        required=False, label="Answer over gRPC too", help_text="On a second port. Models without code only."
    )
    environment_variables = forms.CharField(
        required=False,
        help_text="NAME=value, one a line. The process sees them; viewers do not see the values.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )

    server = forms.JSONField(
        required=False,
        label="Server options",
        help_text='JSON, for example {"batching": {"delay_seconds": 0.005}, "cors_origins": ["https://example.com"]}.',
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )

    ADVANCED = ("reason", "description", "target", *NUMBERS, "auth", "grpc", "environment_variables", "server")

    def __init__(self, workspace: Workspace, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace
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
    def advanced(self) -> list[forms.BoundField]:
        return [self[name] for name in self.ADVANCED]

    @property
    def advanced_is_wrong(self) -> bool:
        return any(name in self.errors for name in self.ADVANCED)

    def clean_models(self) -> list[str]:
        references = [part.strip() for part in self.cleaned_data["models"].split(",") if part.strip()]
        if not references:
            raise forms.ValidationError("Name at least one version, for example iris:1.")
        return references

    def clean_environment_variables(self) -> dict[str, str]:
        lines = [line for line in self.cleaned_data["environment_variables"].splitlines() if line.strip()]
        wrong = [line for line in lines if "=" not in line]
        if wrong:
            raise forms.ValidationError(f"'{wrong[0][:50]}' has no '='. Write NAME=value, one a line.")
        return {name.strip(): value for name, _, value in (line.partition("=") for line in lines)}

    def body(self) -> dict[str, Any]:
        """The values as the REST call takes them, what is empty left out; call it on a valid form."""
        data = self.cleaned_data
        resources: dict[str, Any] = {name: data[name] for name in NUMBERS if data[name] is not None}
        if not data["auth"]:
            resources["auth"] = False
        if data["grpc"]:
            resources["grpc"] = True
        for name in ("environment_variables", "server"):
            if data[name]:
                resources[name] = data[name]
        given = {name: data[name] for name in ("name", "models", "config", "description", "reason", "overwrite")}
        return {key: value for key, value in (given | {"deployment_config": resources}).items() if value}

    def deploy(self, actor: User) -> Service | None:
        """The service, or None with the errors put beside their fields."""
        body = self.body()
        try:
            return releases.deploy(
                workspace=self.workspace,
                actor=actor,
                name=body["name"],
                versions=[find_version(self.workspace, reference) for reference in body["models"]],
                config=configs.find(self.workspace, body["config"]) if "config" in body else None,
                target=Target.objects.in_workspace(self.workspace).filter(name=self.cleaned_data["target"]).first(),
                deployment_config=body.get("deployment_config"),
                description=self.cleaned_data["description"],
                reason=self.cleaned_data["reason"],
                overwrite=self.cleaned_data["overwrite"],
            )
        except SlipwayError as error:
            show(self, error)
            return None
