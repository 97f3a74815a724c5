from django import forms

from studio.accounts.models import Access, Role, Workspace


class WorkspaceForm(forms.ModelForm):
    class Meta:
        model = Workspace
        fields = ["name", "slug"]
        labels = {"slug": "Address"}
        help_texts = {"slug": "Lower-case letters, digits and '-'. It is part of every address and stays."}

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
