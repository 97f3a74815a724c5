"""The form that asks for a conversion."""

from typing import Any

from django import forms

from registry.conversion.conversions import MOST_ROW_BYTES, ConversionRequest
from registry.conversion.variant_names import CONVERTING, OPTIMISING, TITLES
from registry.models import Environment, ModelVersion


class ConversionForm(forms.Form):
    """All of it may be left empty: then rows are made up, and the environment is made of what the files tell."""

    rows = forms.FileField(
        required=False,
        label="Rows to compare on",
        help_text="CSV with a line of names, or JSON as a service takes it. Without, rows like those of the training "
        "are made up from what the model knows of it.",
    )
    label = forms.CharField(
        required=False, max_length=200, label="Column of true answers", help_text="Then the metric counts, too."
    )
    tolerance = forms.FloatField(
        required=False,
        min_value=0,
        max_value=1,
        label="Tolerated difference",
        help_text="Largest shift of a probability, or of a number as a share of the range. Without, 0.0001, and 0.01 "
        "for float16 and int8.",
    )
    environment = forms.ChoiceField(
        required=False,
        label="Environment",
        help_text="In which the model loads; the converters are added. Without, one is made.",
    )
    variants = forms.MultipleChoiceField(
        required=False, label="Variants", widget=forms.CheckboxSelectMultiple, help_text="What is made and measured."
    )

    def __init__(self, *args: Any, version: ModelVersion, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._version = version
        is_onnx = version.framework == "onnx"
        usual = OPTIMISING if is_onnx else CONVERTING
        self.fields["variants"].choices = [(name, TITLES[name]) for name in usual]  # type: ignore[attr-defined]
        self.fields["variants"].initial = list(usual)
        if is_onnx:
            del self.fields["environment"]
        else:
            rows = Environment.objects.in_workspace(version.workspace).registered()[:200]
            names = [(str(one), str(one)) for one in rows]
            self.fields["environment"].choices = [("", "Made for this model"), *names]  # type: ignore[attr-defined]

    def clean_rows(self) -> Any:
        sent = self.cleaned_data["rows"]
        if sent is not None and sent.size > MOST_ROW_BYTES:
            raise forms.ValidationError(f"The file has more than {MOST_ROW_BYTES // 1024**2} MB.")
        return sent

    def asked(self) -> ConversionRequest:
        """What is asked for; the form must be valid."""
        given = self.cleaned_data
        rows = given.get("rows")
        return ConversionRequest(
            model=str(self._version),
            variants=tuple(given.get("variants") or ()),
            environment=given.get("environment", ""),
            rows=rows.read() if rows else b"",
            rows_name=rows.name if rows else "",
            label=given.get("label", ""),
            tolerance=given.get("tolerance"),
        )
