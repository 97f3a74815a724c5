"""The form that asks for a profile: what people type becomes a `ProfileRequest`."""

from typing import Any

from django import forms

from deployments.models import InferenceConfig, Target
from deployments.models.config import ConfigKind
from deployments.services.create import LOCAL
from deployments.targets.kinds import is_known, kind_of
from monitoring.profiles.requests import NUMBERS, ProfileRequest
from registry.models import ModelVersion, VersionState
from studio.accounts.models import Workspace

OFFERED = 100
PLAIN = {"autocapitalize": "off", "autocorrect": "off", "spellcheck": "false"}
LABELS = {
    "latency_ms": ("p99 under", "Of all requests, 99 % are answered within it."),
    "rate": ("at", "The load that it is to hold."),
    "seconds": ("Time budget", "More time gives surer figures."),
    "cpu": ("Most cores", "Of all replicas together. Empty: what the machine has."),
    "memory_gb": ("Most memory", "Of a replica. Empty: as much as it needs, up to 4 GB."),
    "replicas": ("Most replicas", "Empty: as many as there are cores."),
}
GOAL, LIMITS = ("latency_ms", "rate"), ("seconds", "cpu", "memory_gb", "replicas")


class ProfileForm(forms.Form):
    """`service` names the service whose wanted revision is profiled; there is no version to choose then."""

    model = forms.CharField(max_length=200, label="Model version", widget=forms.Select)
    config = forms.ChoiceField(required=False, label="Inference config", help_text="How requests become predictions.")
    target = forms.ChoiceField(required=False, label="Measured at", help_text="One profile at a time on a machine.")
    requests = forms.CharField(
        required=False,
        max_length=4 * 1024**2,
        label="Requests",
        help_text="A body in each line, sent in turn. Empty: what the model is known to take.",
        widget=forms.Textarea(attrs=PLAIN | {"rows": 4, "class": "mono"}),
    )

    def __init__(self, workspace: Workspace, *args: Any, service: str = "", revision: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.workspace, self.service, self.revision = workspace, service, revision
        for name, (label, help_text) in LABELS.items():
            self.fields[name] = _number_field(name, label, help_text)
        if service:
            del self.fields["model"], self.fields["config"]
        else:
            self._offer_versions()
            self._offer_configs()
        targets = Target.objects.in_workspace(workspace).order_by("name")
        possible = [one.name for one in targets if is_known(one.kind) and not kind_of(one.kind).needs_parts]
        names = [LOCAL, *(name for name in possible if name != LOCAL)]
        first = [("", "Where the service runs")] if service else []
        self.fields["target"].choices = [*first, *((name, name) for name in names)]  # type: ignore[attr-defined]

    @property
    def goal(self) -> list[forms.BoundField]:
        return [self[name] for name in GOAL]

    @property
    def limits(self) -> list[forms.BoundField]:
        return [self[name] for name in LIMITS]

    @property
    def what(self) -> list[forms.BoundField]:
        return [self[name] for name in ("model", "config", "target") if name in self.fields]

    def asked(self) -> ProfileRequest:
        """Call it on a valid form."""
        data = self.cleaned_data
        numbers = {name: data[name] for name in (*GOAL, *LIMITS)}
        return ProfileRequest(
            model="" if self.service else data["model"],
            config="" if self.service else data["config"],
            service=self.service,
            revision=int(self.revision) if self.revision.isdecimal() and len(self.revision) < 10 else None,
            target=data["target"],
            requests=[line for line in data["requests"].splitlines() if line.strip()],
            **numbers,
        )

    def _offer_versions(self) -> None:
        rows = ModelVersion.objects.in_workspace(self.workspace).filter(state=VersionState.READY)
        names = [str(one) for one in rows.select_related("model").order_by("-id")[:OFFERED]]
        said = str((self.data if self.is_bound else self.initial).get("model") or "").replace("\0", "").strip()
        known = [*([] if said in names or not said else [said]), *names]
        self.fields["model"].widget.choices = [(name, name) for name in known]  # type: ignore[attr-defined]

    def _offer_configs(self) -> None:
        rows = InferenceConfig.objects.in_workspace(self.workspace).registered().filter(kind=ConfigKind.ENTRY_SCRIPT)
        names = [str(config) for config in rows.order_by("-id")[:OFFERED]]
        choices = [("", "The model's own, or no code"), *((name, name) for name in names)]
        self.fields["config"].choices = choices  # type: ignore[attr-defined]


def _number_field(name: str, label: str, help_text: str) -> forms.Field:
    rule = NUMBERS[name]
    is_whole = name == "replicas"
    facts: dict[str, Any] = {
        "required": False,
        "label": label if is_whole else f"{label}, {rule.unit}",
        "help_text": help_text,
        "min_value": int(rule.low) if is_whole else rule.low,
        "max_value": int(rule.high) if is_whole else rule.high,
        "initial": rule.default,
        "widget": forms.NumberInput(attrs={"step": "1" if is_whole else "any"}),
    }
    return forms.IntegerField(**facts) if is_whole else forms.FloatField(**facts)
