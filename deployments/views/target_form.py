"""The form of a target: its fields are the settings that its kind declares."""

from typing import Any

from django import forms

from deployments.models import Target
from deployments.services import targets
from deployments.targets.kinds import Setting, TargetKind

KEEP = "Leave it empty to keep the present one."
PREFIX = "setting-"  # of the fields' names, so that no setting is taken for the target's own name


class TargetForm(forms.Form):
    """Add a target of `kind`, or with `target` change the settings of one."""

    def __init__(self, *args: Any, kind: TargetKind, target: Target | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kind, self._target = kind, target
        if target is None:
            self.fields["name"] = forms.CharField(
                max_length=63,
                help_text="Lower-case letters, digits and '-'. Deployments choose the target by it.",
                widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            )
        values = targets.kind_settings(target) if target else {}
        for setting in kind.settings:
            self.fields[PREFIX + setting.name] = _field(setting, values.get(setting.name, setting.default), target)

    @property
    def settings(self) -> dict[str, Any]:
        """What was filled in, by name. An empty field means the default; an empty secret stays as it is."""
        given = {setting: self.cleaned_data.get(PREFIX + setting.name) for setting in self._kind.settings}
        return {
            setting.name: setting.default if value is None else value
            for setting, value in given.items()
            if not (setting.secret and value is None)
        }


def _field(setting: Setting, value: Any, target: Target | None) -> forms.Field:
    shared: dict[str, Any] = {"label": setting.label, "help_text": setting.help, "required": False}
    if setting.secret:
        shared["help_text"] = f"{setting.help} {KEEP}".strip() if target and value else setting.help
        return forms.CharField(**shared, widget=_secret_widget(setting), strip=False, empty_value=None)
    if setting.type == "boolean":
        return forms.BooleanField(**shared, initial=value)
    if setting.type == "integer":
        return forms.IntegerField(**shared, initial=value)
    if setting.type == "number":
        return forms.FloatField(**shared, initial=value)
    return forms.CharField(**shared, initial=value, empty_value=None)


def _secret_widget(setting: Setting) -> forms.Widget:
    """A field of one line loses the line breaks of what is pasted into it."""
    if setting.lines:
        return forms.Textarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"})
    return forms.PasswordInput(attrs={"autocomplete": "new-password"})
