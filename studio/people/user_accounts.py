"""Accounts of the studio: its administrators add people, let them back in, and deactivate them.

Nobody but the person ever knows a password: who is new or has forgotten it gets a link to choose one.
"""

import logging

from axes.utils import reset as forget_failed_tries
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from studio.accounts.models import User, Workspace
from studio.activity.events import EventType
from studio.activity.recording import record
from studio.core.errors import BadInput, Conflict, Forbidden, NotFound
from studio.people import events

logger = logging.getLogger(__name__)


def check_may_manage_people(actor: User) -> None:
    """Raises `Forbidden`."""
    if not actor.is_superuser:
        raise Forbidden(
            "Only administrators of the studio manage its people.",
            hint="Invite somebody to a workspace under Settings → Members, or ask an administrator.",
        )


def find_person(username: str) -> User:
    """Raises `NotFound`."""
    found = User.objects.filter(username=username).first()
    if found is None:
        raise NotFound(f"Nobody is called '{username}' here.", field="username")
    return found


def create_account(username: str, *, password: str | None = None, administrator: bool = False) -> User:
    """A new person, without a password until they choose one. Raises `BadInput` for an unusable or taken name."""
    person = User(username=User.normalize_username(username.strip()), is_superuser=administrator)
    person.is_staff = administrator
    try:
        person.full_clean(exclude=["password"], validate_unique=False)
    except ValidationError as reason:
        raise BadInput(" ".join(reason.messages), field="username") from reason
    person.set_password(password)
    try:
        with transaction.atomic():
            person.save(force_insert=True)
    except IntegrityError as taken:
        raise BadInput("This name is taken.", hint="Choose another one.", field="username") from taken
    return person


def add_person(actor: User, *, username: str, administrator: bool = False) -> User:
    """Raises `BadInput` naming the field at fault."""
    check_may_manage_people(actor)
    person = create_account(username, administrator=administrator)
    logger.info("%s added the person %s", actor, person)
    return person


@transaction.atomic
def create_password_link(actor: User, person: User) -> str:
    """The path at which the person chooses a password, once; failed tries to sign in are forgotten.

    It ends with the next sign-in or change of password, or after PASSWORD_RESET_TIMEOUT. The old password works on
    until then. Raises `Conflict` for somebody who is deactivated.
    """
    check_may_manage_people(actor)
    if not person.is_active:
        raise Conflict(f"{person} is deactivated.", hint="Activate the account first.")
    forget_failed_tries(username=person.username)
    _record(events.PASSWORD_LINK_CREATED, person, actor)
    uid = urlsafe_base64_encode(force_bytes(person.pk))
    return reverse("choose_password", args=[uid, default_token_generator.make_token(person)])


@transaction.atomic
def deactivate(actor: User, person: User) -> None:
    """End the person's sessions and tokens at once; what they made stays. Raises `Conflict` for oneself."""
    check_may_manage_people(actor)
    _must_be_somebody_else(actor, person)
    User.objects.filter(pk=person.pk).update(is_active=False)
    _record(events.PERSON_DEACTIVATED, person, actor)


@transaction.atomic
def activate(actor: User, person: User) -> None:
    """Undo `deactivate`. Tokens that were not revoked work again."""
    check_may_manage_people(actor)
    User.objects.filter(pk=person.pk).update(is_active=True)
    _record(events.PERSON_ACTIVATED, person, actor)


@transaction.atomic
def set_administrator(actor: User, person: User, *, administrator: bool) -> None:
    """Give or take the rights of an administrator of the studio. Raises `Conflict` for oneself."""
    check_may_manage_people(actor)
    _must_be_somebody_else(actor, person)
    User.objects.filter(pk=person.pk).update(is_superuser=administrator, is_staff=administrator)
    _record(events.ADMINISTRATOR_APPOINTED if administrator else events.ADMINISTRATOR_DISMISSED, person, actor)


def _must_be_somebody_else(actor: User, person: User) -> None:
    """So that a studio always keeps an administrator."""
    if actor.pk == person.pk:
        raise Conflict("You cannot do this to your own account.", hint="Ask another administrator of the studio.")


def _record(kind: EventType, person: User, actor: User) -> None:
    """In the trail of every workspace that the person belongs to, and in the studio's log."""
    logger.info("%s: %s by %s", kind.title, person, actor)
    for workspace in Workspace.objects.filter(memberships__user=person):
        record(kind, person, workspace=workspace, actor=actor)
