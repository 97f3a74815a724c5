"""Forms of the registry's pages: what people type becomes what `registration.register` takes."""

from typing import Any

from django import forms

from registry.inspection.frameworks import FRAMEWORKS

PAIRS_ROWS = 3
OF_THE_PAGE = {"unpack", "like_last", "readme"}  # that `registration.register` does not take


class RegisterForm(forms.Form):
    """Everything but the files, which the page keeps beside the form."""

    name = forms.CharField(
        max_length=255,
        required=False,
        help_text="An existing name gets its next version. Left empty, it is that of the folder or file.",
        widget=forms.TextInput(attrs={"list": "model-names", "autocomplete": "off", "spellcheck": "false"}),
    )
    description = forms.CharField(
        required=False,
        help_text="What it does, what it was trained on, how good it is. Markdown.",
        widget=forms.Textarea(attrs={"rows": 5}),
    )
    tags = forms.CharField(
        required=False,
        help_text="One key=value a line, such as area=vision. Can be changed later.",
        widget=forms.Textarea(attrs={"rows": PAIRS_ROWS, "spellcheck": "false", "placeholder": "area=vision"}),
    )
    like_last = forms.BooleanField(
        required=False,
        label="Start like the newest version",
        help_text="Its tags and its description are taken where none are written here.",
    )
    readme = forms.BooleanField(
        required=False,
        initial=True,
        label="Use README.md",
        help_text="It becomes the description, where it is among the files and none is written here.",
    )
    properties = forms.CharField(
        required=False,
        help_text="One key=value a line, such as accuracy=0.97. Never changes afterwards.",
        widget=forms.Textarea(attrs={"rows": PAIRS_ROWS, "spellcheck": "false"}),
    )
    framework = forms.ChoiceField(
        required=False, choices=[("", "Find out from the files"), *((name, name) for name in FRAMEWORKS)]
    )
    framework_version = forms.CharField(required=False, max_length=32)
    cpu = forms.FloatField(required=False, label="CPU cores", min_value=0)
    memory_gb = forms.FloatField(required=False, label="Memory, GB", min_value=0)
    gpu = forms.IntegerField(required=False, label="GPUs", min_value=0, max_value=64)
    unpack = forms.BooleanField(
        required=False,
        label="Unpack archives",
        help_text="Register what is inside a .zip or .tar.gz instead of itself.",
    )

    def clean_tags(self) -> list[str]:
        return _lines(self.cleaned_data["tags"])

    def clean_properties(self) -> dict[str, str]:
        """Pairs by key; the last line of a key would win silently, so that a second one is refused."""
        pairs: dict[str, str] = {}
        for line in _lines(self.cleaned_data["properties"]):
            key, equals, value = line.partition("=")
            if not equals:
                raise forms.ValidationError(f"The property '{line[:80]}' has no '='. Write it as key=value.")
            if key.strip() in pairs:
                raise forms.ValidationError(f"The property '{key.strip()[:80]}' is given twice.")
            pairs[key.strip()] = value.strip()
        return pairs

    def facts(self) -> dict[str, Any]:
        """Keyword arguments of `registration.register`."""
        data = {key: value for key, value in self.cleaned_data.items() if key not in OF_THE_PAGE}
        return data | {"cpu": data["cpu"] or None, "memory_gb": data["memory_gb"] or None, "gpu": data["gpu"] or 0}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
