"""Forms of accounts, workspaces, members and tokens."""

from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.contrib.auth.password_validation import password_validators_help_texts
from django.utils.text import slugify

from studio.accounts.access import SignedInRequest
from studio.accounts.models import Access, Role, User, Workspace
from studio.people.invitations import MAX_NOTE


def status_of(form: forms.BaseForm) -> int:
    """The status of a page that shows the form again."""
    return 422 if form.is_bound and form.errors else 200


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


class WorkspaceNameForm(forms.ModelForm):
    class Meta:
        model = Workspace
        fields = ["name"]
        help_texts = {"name": "For people to read; the address stays."}


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


class PersonForm(forms.Form):
    username = forms.CharField(
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="Letters, digits and @ . + - _; what they sign in with.",
    )
    administrator = forms.BooleanField(
        label="Administrator of the studio",
        required=False,
        help_text="Admin of every workspace, who also manages people.",
    )


class InvitationForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)
    note = forms.CharField(
        max_length=MAX_NOTE, required=False, help_text="Whom it is for; only the admins of this workspace see it."
    )


def _what_passwords_need() -> str:
    """In sentences: Django's own help is a list, which a paragraph cannot hold."""
    return " ".join(password_validators_help_texts())


class ChoosePasswordForm(SetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password1"].help_text = _what_passwords_need()


class NewAccountForm(forms.Form):
    username = forms.CharField(max_length=150, widget=forms.TextInput(attrs={"autocomplete": "username"}))
    password = forms.CharField(
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_what_passwords_need(),
    )


class OwnPasswordForm(PasswordChangeForm):
    """Changes the password of who is signed in. A wrong old one counts as a failed sign-in, with the same limit."""

    def __init__(self, request: SignedInRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(request.user, *args, **kwargs)
        self.fields["new_password1"].help_text = _what_passwords_need()
        self.request = request

    def clean_old_password(self) -> str:
        old: str = self.cleaned_data["old_password"]
        person: User = self.user
        if authenticate(self.request, username=person.get_username(), password=old) != person:
            raise forms.ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return old
