"""A person's own page: password, tokens, workspaces."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from studio.accounts.access import SignedInRequest
from studio.accounts.models import ApiToken
from studio.core.confirmation import Question, ask
from studio.core.pages import render
from studio.core.quantities import counted
from studio.people import tokens
from studio.people.forms import OwnPasswordForm, status_of


def account(request: SignedInRequest) -> HttpResponse:
    """Change the password, see the live tokens and revoke them."""
    form = OwnPasswordForm(request, request.POST or None)
    mine = ApiToken.objects.live().filter(user=request.user).select_related("workspace")
    if form.is_valid():
        update_session_auth_hash(request, form.save())
        messages.success(
            request, f"Your password is changed. Other sessions of yours are signed out.{_left(mine.count())}"
        )
        return redirect("account")
    return render(request, "people/account.html", {"form": form, "tokens": mine}, status=status_of(form))


def revoke_tokens(request: SignedInRequest) -> HttpResponse:
    """Ask, then revoke."""
    if request.method != "POST":
        question = Question(
            title="Revoke all your tokens, in every workspace?",
            text="Programs that use them stop working at once.",
            action="Revoke all",
            back=reverse("account"),
        )
        return ask(request, question)
    count = tokens.revoke_all_tokens(request.user)
    messages.success(request, f"{counted(count, 'token')} revoked.")
    return redirect("account")


def _left(tokens_left: int) -> str:
    if not tokens_left:
        return ""
    which = (
        "One API token of yours still works" if tokens_left == 1 else f"{tokens_left} API tokens of yours still work"
    )
    return f" {which}: revoke what you do not need."
