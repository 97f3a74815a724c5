"""People of the studio as pages, for its administrators."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import PasswordResetConfirmView
from django.core.paginator import Paginator
from django.db.models import Count
from django.forms import BaseForm
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse, reverse_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from studio.accounts.access import SignedInRequest
from studio.accounts.context import last_used
from studio.accounts.models import User, Workspace
from studio.core.confirmation import Question, ask
from studio.core.errors import SlipwayError
from studio.core.form_errors import show
from studio.core.pages import render
from studio.people import user_accounts
from studio.people.forms import ChoosePasswordForm, PersonForm, status_of
from studio.people.settings_tabs import tabs_of

ROWS = 50
BACKEND = "django.contrib.auth.backends.ModelBackend"

Page = Callable[..., HttpResponse]


def administrators_page(view: Page) -> Page:
    """Raises `Forbidden` before anything is looked up, so that nobody else learns who has an account."""

    @wraps(view)
    def guarded(request: SignedInRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        user_accounts.check_may_manage_people(request.user)
        return view(request, *args, **kwargs)

    return guarded


@never_cache
@administrators_page
def person_list(request: SignedInRequest) -> HttpResponse:
    """Everybody, and a form to add somebody, whose link is shown in this one answer."""
    form = PersonForm(request.POST or None)
    if form.is_valid():
        try:
            person = user_accounts.add_person(request.user, **form.cleaned_data)
            return _with_link(request, person)
        except SlipwayError as error:
            show(form, error)
    return _render_people(request, form)


@require_POST
@never_cache
@administrators_page
def password_link(request: SignedInRequest, username: str) -> HttpResponse:
    """A link with which the person chooses a new password, shown in this one answer."""
    return _with_link(request, user_accounts.find_person(username))


@administrators_page
def person_deactivate(request: SignedInRequest, username: str) -> HttpResponse:
    """Ask, then deactivate."""
    person = user_accounts.find_person(username)
    if request.method != "POST":
        question = Question(
            title=f"Deactivate {username}?",
            text="They are signed out, and their tokens stop working at once. What they made stays, their memberships "
            "too, and the account can be activated again.",
            action="Deactivate",
            back=reverse("people"),
        )
        return ask(request, question)
    user_accounts.deactivate(request.user, person)
    messages.success(request, f"{username} is deactivated.")
    return redirect("people")


@require_POST
@administrators_page
def person_activate(request: SignedInRequest, username: str) -> HttpResponse:
    user_accounts.activate(request.user, user_accounts.find_person(username))
    messages.success(request, f"{username} is active again, with the password and the tokens of before.")
    return redirect("people")


@administrators_page
def person_administrator(request: SignedInRequest, username: str) -> HttpResponse:
    """Ask, then make the person an administrator of the studio, or an ordinary person again."""
    person = user_accounts.find_person(username)
    if request.method != "POST":
        return ask(request, _question_of_rights(person))
    user_accounts.set_administrator(request.user, person, administrator="dismiss" not in request.POST)
    messages.success(request, f"The rights of {username} are changed.")
    return redirect("people")


class ChoosePassword(PasswordResetConfirmView):
    """Where a link leads: Django's own view, which takes a link once. Choosing a password signs in."""

    form_class = ChoosePasswordForm
    template_name = "people/choose_password.html"
    success_url = reverse_lazy("home")
    post_reset_login = True
    post_reset_login_backend = BACKEND

    def get_user(self, uidb64: str) -> User | None:
        person: User | None = super().get_user(uidb64)
        return person if person is not None and person.is_active else None


def _question_of_rights(person: User) -> Question:
    if person.is_superuser:
        return Question(
            title=f"Take the rights of an administrator from {person}?",
            text="They keep their memberships and no longer see other workspaces, nor the people of the studio.",
            action="Take the rights",
            back=reverse("people"),
            fields={"dismiss": "yes"},
        )
    return Question(
        title=f"Make {person} an administrator of the studio?",
        text="They become admin of every workspace, create workspaces, and manage all people.",
        action="Make administrator",
        back=reverse("people"),
    )


def _with_link(request: SignedInRequest, person: User) -> HttpResponse:
    link = request.build_absolute_uri(user_accounts.create_password_link(request.user, person))
    return _render_people(request, PersonForm(), linked=person, link=link)


def _render_people(
    request: SignedInRequest, form: BaseForm, *, linked: User | None = None, link: str = ""
) -> HttpResponse:
    search = request.GET.get("q", "")
    people = User.objects.annotate(workspaces=Count("memberships")).order_by("-is_active", "username")
    if search:
        people = people.filter(username__icontains=search)
    page = Paginator(people, ROWS).get_page(request.GET.get("page"))
    context = tabs_of(request, last_used(request, Workspace.objects.all()), "People") | {
        "form": form,
        "search": search,
        "page": page,
        "linked": linked,
        "link": link,
    }
    return render(request, "people/people.html", context, status=status_of(form))
