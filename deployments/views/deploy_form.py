"""The deploy form: what people type becomes what `releases.deploy` takes, and its errors go beside their fields."""

from typing import Any, cast

from django import forms
from django.conf import settings

from deployments.config import configs, server_fields, server_options
from deployments.config.json_text import readable
from deployments.config.number_fields import resource
from deployments.errors import BadDeploymentConfig
from deployments.models import InferenceConfig, Service, Target
from deployments.models.config import ConfigKind
from deployments.services import releases
from registry.models import ModelVersion, VersionState
from registry.versions.registration import find_version
from studio.accounts.models import User, Workspace
from studio.core.errors import SlipwayError
from studio.core.form_errors import show

OFFERED = 100  # versions and configs that the form suggests
NUMBERS = ("cpu", "memory_gb", "processes", "start_deadline_seconds", "scoring_timeout_seconds", "max_body_mb")
PLAIN = {"autocomplete": "off", "spellcheck": "false"}
ACCESS: dict[str, dict[str, bool]] = {"token": {"token_auth": True}, "none": {"auth": False}}  # else keys
# What stands together in the advanced settings: a heading, how many short fields fit in a row, and the fields.
GROUPS = (
    ("Notes", 2, ("reason", "description")),
    ("Size", 2, ("target", "processes", "cpu", "memory_gb")),
    ("Limits", 3, ("start_deadline_seconds", "scoring_timeout_seconds", "max_body_mb")),
    ("Access", 1, ("auth", "grpc", "server_cors_origins")),
    ("Under load", 3, server_fields.LOAD),
    ("Logs and data", 3, server_fields.RECORDS),
    ("Variables and other options", 1, ("environment_variables", "server")),
)


class JSONText(forms.JSONField):
    """JSON that is laid out for reading, and nothing where there is none."""

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else readable(value) if value else ""


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
    cpu = resource("cpu", "CPU (cores)", "What the model asks for, else 1.", shown=False)
    memory_gb = resource("memory_gb", "Memory (GB)", "What the model asks for, else 1.", shown=False)
    processes = resource("processes", "Processes", "Each loads the model. Empty: chosen from the cores.")
    start_deadline_seconds = resource(
        "start_deadline_seconds",
        "Start deadline (s)",
        "Not ready by then counts as failed.",
        default=settings.SLIPWAY["START_DEADLINE_SECONDS"],
    )
    scoring_timeout_seconds = resource("scoring_timeout_seconds", "Scoring timeout (s)", "Then the answer is an error.")
    max_body_mb = resource("max_body_mb", "Largest request (MB)", "Larger ones are refused.")
    auth = forms.ChoiceField(
        required=False,
        initial="key",
        label="Calls need",
        choices=[("key", "A key"), ("token", "A token that expires"), ("none", "Nothing")],
        help_text="The studio makes tokens, for an hour each. Nothing: whoever reaches the service may call it.",
    )
    grpc = forms.BooleanField(
        required=False,
        label="Answer over gRPC too",
        help_text="On a second port, which the service keeps. For models without an inference config.",
    )
    environment_variables = forms.CharField(
        required=False,
        help_text="NAME=value, one a line. The process sees them; viewers do not see the values.",
        widget=forms.Textarea(
            attrs={"rows": 3, "spellcheck": "false", "class": "mono", "placeholder": "LOG_LEVEL=info"}
        ),
    )

    server = JSONText(
        required=False,
        label="Other server options",
        help_text='JSON, for what has no field above: {"batching": {"pad": {"tokens": 0}}}.',
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "mono"}),
    )

    def __init__(self, workspace: Workspace, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace = workspace
        self.fields.update(server_fields.fields())
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
        return [(heading, columns, [self[name] for name in names]) for heading, columns, names in GROUPS]

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

    def clean_environment_variables(self) -> dict[str, str]:
        lines = [line for line in self.cleaned_data["environment_variables"].splitlines() if line.strip()]
        wrong = [line for line in lines if "=" not in line]
        if wrong:
            raise forms.ValidationError(f"'{wrong[0][:50]}' has no '='. Write NAME=value, one a line.")
        return {name.strip(): value for name, _, value in (line.partition("=") for line in lines)}

    def clean(self) -> dict[str, Any]:
        """Puts the fields of the server's options together with the JSON beside them."""
        data = cast(dict[str, Any], super().clean())
        self._check_collection(data)
        try:
            data["server"] = server_options.checked(server_fields.options_of(data))
        except forms.ValidationError as error:
            self.add_error("server", error)
        except BadDeploymentConfig as error:
            show(self, error)
        return data

    def _check_collection(self, data: dict[str, Any]) -> None:
        share, room = "server_collect_percent", "server_collect_mb"
        if data.get(room) is not None and data.get(share) is None and share not in self.errors:
            self.add_error(share, "Say which share is kept, or leave the room for it empty.")

    def body(self) -> dict[str, Any]:
        """The values as the REST call takes them, what is empty left out; call it on a valid form."""
        data = self.cleaned_data
        resources: dict[str, Any] = {name: data[name] for name in NUMBERS if data[name] is not None}
        resources |= ACCESS.get(data["auth"], {})
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
