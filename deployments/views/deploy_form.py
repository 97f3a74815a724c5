"""The deploy form: what people choose and type becomes a `DeployRequest`."""

from functools import cached_property
from typing import Any, cast

from django import forms

from deployments.config import options, server_options
from deployments.errors import BadDeploymentConfig
from deployments.models import InferenceConfig, Target
from deployments.models.config import ConfigKind
from deployments.services.create import LOCAL
from deployments.services.deploy_request import DeployRequest, resolve
from deployments.views import option_fields, version_choice
from deployments.views.form_defaults import NO_MODEL
from deployments.views.option_fields import MULTILINE, PLAIN, JSONText
from registry.models import ModelVersion
from studio.accounts.models import User, Workspace
from studio.core.form_errors import show

OFFERED = 100  # configs
ACCESS: dict[str, dict[str, bool]] = {"token": {"token_auth": True}, "none": {"auth": False}}  # else keys
# Fields that are no option, or stand for two of them, below the headings of the options.
BEFORE = {options.ACCESS: ["auth"]}
AFTER = {options.SIZE: ["target"], options.OTHER: ["server"]}
NOTES = "Notes"
FIRST = ("name", "models", "config", "overwrite", "beside")  # above the folded settings


class DeployForm(forms.Form):
    """`updated` names the service whose next revision this is; it has no name to choose then."""

    name = forms.CharField(
        max_length=63,
        help_text="Part of the service's address here; lower-case letters, digits and '-'.",
        widget=forms.TextInput(attrs=PLAIN),
    )
    models = forms.CharField(
        max_length=300,
        label="Model version",
        help_text="The newest that are ready. Older ones have a Deploy button on their own page.",
        widget=forms.Select,
    )
    config = forms.ChoiceField(
        required=False,
        label="Inference config",
        help_text="How requests become predictions.",
    )
    overwrite = forms.BooleanField(
        required=False,
        label="Update the service if it exists",
        help_text="It gets a new revision; address and keys stay.",
    )
    more_models = forms.CharField(
        required=False,
        max_length=2000,
        label="Further model versions",
        help_text="For a script that uses several: name:number, separated by commas.",
        widget=forms.TextInput(attrs=PLAIN),
    )
    beside = forms.ChoiceField(
        required=False,
        label="Once it is ready",
        choices=[("", "It takes over all requests"), ("1", "It runs beside the others, and gets no requests yet")],
        help_text="Beside the others, it can be compared on the tab Traffic: by a rollout, by shares, or as a shadow.",
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

    def __init__(self, workspace: Workspace, *args: Any, updated: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace, self.updated = workspace, updated
        self.fields.update(option_fields.fields())
        if updated:
            del self.fields["name"], self.fields["overwrite"]
        else:
            del self.fields["beside"]
        self._offer_versions()
        self._offer_configs()
        targets = {LOCAL, *Target.objects.in_workspace(workspace).values_list("name", flat=True)}
        self._offer("target", [(name, name) for name in sorted(targets)])

    @cached_property
    def chosen(self) -> list[ModelVersion]:
        """The versions that stand in the form and exist."""
        return version_choice.find_all(self.workspace, [self._said("models"), *_split(self._said("more_models"))])

    @cached_property
    def automatic(self) -> version_choice.Automatic:
        """What happens where no config is chosen."""
        without = self._said("models") == NO_MODEL
        return version_choice.WITHOUT_MODEL if without else version_choice.automatic_config(self.chosen)

    @property
    def advanced(self) -> list[tuple[str, int, list[forms.BoundField]]]:
        """Heading, columns and fields of every group."""
        groups = [(NOTES, 2, ["reason", "description", "more_models"])]
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
        first = [self[name] for name in FIRST if name in self.fields]
        folded = [field for *_, fields in self.advanced for field in fields]
        return [field for field in first + folded if field.errors]

    def clean_more_models(self) -> list[str]:
        return _split(self.cleaned_data["more_models"])

    def clean(self) -> dict[str, Any]:
        """Puts the fields of the options together with the JSON beside them, as `deployment_config`."""
        data = cast(dict[str, Any], super().clean())
        self._check_collection(data)
        access = ACCESS.get(data.get("auth", ""), {})
        data["deployment_config"] = option_fields.chosen_in(data | {"server": None}) | access
        try:
            data["deployment_config"] = option_fields.chosen_in(data) | access
            server_options.checked(data["deployment_config"].get("server", {}))
        except forms.ValidationError as error:
            self.add_error("server", error)
        except BadDeploymentConfig as error:
            show(self, error)
        return data

    def body(self) -> dict[str, Any]:
        """The values as the REST call takes them, what is empty left out; call it on a form that was validated. Of
        what is wrong, name and version are as they were typed, and the rest is left out."""
        data = self.cleaned_data
        name = self.updated or data.get("name") or self._said("name") or "NAME"
        model = data.get("models") or self._said("models") or "MODEL:VERSION"
        models = [] if model == NO_MODEL else [model]
        body = {"name": name, "models": [*models, *data.get("more_models", [])]}
        given = {key: data.get(key) for key in ("config", "description", "reason", "target", "deployment_config")}
        given["target"] = None if given["target"] == LOCAL else given["target"]
        given["overwrite"] = bool(self.updated) or data.get("overwrite", False)
        beside = {"traffic": 0.0} if data.get("beside") else {}
        return body | {key: value for key, value in given.items() if value} | beside

    def deploy_request(self, actor: User) -> DeployRequest:
        """What the form asks for; call it on a valid form. Raises `SlipwayError` for what the studio does not have."""
        whole = self.body() | {name: self.cleaned_data[name] for name in ("target", "description")}
        return resolve(workspace=self.workspace, actor=actor, **whole)

    def _check_collection(self, data: dict[str, Any]) -> None:
        share, room = "server_collect_fraction", "server_collect_max_bytes"
        if data.get(room) is not None and data.get(share) is None and share not in self.errors:
            self.add_error(share, "Say which share is kept, or leave the room for it empty.")

    def _offer_versions(self) -> None:
        groups: list[Any] = version_choice.offered(self.workspace, self.chosen)
        said, none = self._said("models"), NO_MODEL
        known = {none, *(value for _, versions in groups for value, _ in versions)}
        unknown = [(said, said or "Choose a version")] if said not in known else []
        without = (none, "None: the script brings its model along")
        cast(forms.Select, self.fields["models"].widget).choices = [*unknown, *groups, without]

    def _offer_configs(self) -> None:
        registered = InferenceConfig.objects.in_workspace(self.workspace).registered()
        scripts = registered.filter(kind=ConfigKind.ENTRY_SCRIPT)
        names = [str(config) for config in scripts.order_by("-id")[:OFFERED]]
        name, _, number = self._said("config").rpartition(":")
        if number.isdecimal() and len(number) < 10:
            older = scripts.filter(name=name, number=int(number))
            names = list(dict.fromkeys([*map(str, older), *names]))
        self._offer("config", [("", self.automatic.label), *((name, name) for name in names)])
        if not self.automatic.possible:
            field = self.fields["config"]
            field.required = True
            field.error_messages["required"] = f"{self.automatic.reason} Choose an inference config that has one."

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        cast(forms.ChoiceField, self.fields[name]).choices = choices

    def _said(self, name: str) -> str:
        """What stands in the field, right or wrong."""
        return str((self.data if self.is_bound else self.initial).get(name) or "").replace("\0", "").strip()


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
