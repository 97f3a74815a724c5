from typing import Any

from django import forms
from django.utils.text import slugify

from studio.accounts.models import Access, Role, Workspace


class WorkspaceForm(forms.ModelForm):
    class Meta:
        model = Workspace
        fields = ["name", "slug"]
        labels = {"slug": "Address"}
        help_texts = {
            "slug": "Lower-case letters, digits and '-'; made from the name when left empty. It is part of every "
            "address and stays."
        }
        widgets = {"slug": forms.TextInput(attrs={"data-behaviour": "slug", "data-from": "#id_name"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["slug"].required = False

    def clean_slug(self) -> str:
        name = self.cleaned_data.get("name", "").replace("_", "-")
        slug = self.cleaned_data["slug"] or slugify(name)[:63].strip("-")
        if not slug:
            raise forms.ValidationError("The name has no letters that an address can have: write one, such as team-a.")
        return slug

    def validate_unique(self) -> None:
        """The verb answers a taken name, so that pages and REST say the same."""


class TokenForm(forms.Form):
    name = forms.CharField(max_length=80, help_text="What will use it, for example 'nightly build'.")
    access = forms.ChoiceField(choices=Access.choices)
    days = forms.TypedChoiceField(
        label="Expires after",
        coerce=lambda text: int(text) if text else None,
        choices=[("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("", "never")],
        initial="90",
        required=False,
        empty_value=None,
    )


class MemberForm(forms.Form):
    username = forms.CharField(max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    role = forms.ChoiceField(choices=Role.choices)
