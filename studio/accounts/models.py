"""People, workspaces, roles and API tokens."""

import secrets
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from studio.core.secrets import digest_of

slug_rule = RegexValidator(
    r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z",
    "Use lower-case letters, digits and '-', at most 63; the first and last is a letter or digit.",
)


class User(AbstractUser):
    """A person. A superuser is an administrator of the studio, and an admin of every workspace."""

    @property
    def may_create_workspaces(self) -> bool:
        """Superusers may; everybody where SLIPWAY_WORKSPACES_BY says so.

        A name that is taken tells of a workspace, so that whoever may create one can find out which there are.
        """
        return self.is_superuser or settings.SLIPWAY["WORKSPACES_BY"] == "everybody"


class Role(models.TextChoices):
    VIEWER = "viewer"
    CONTRIBUTOR = "contributor"
    ADMIN = "admin"

    @classmethod
    def at_least(cls, role: str) -> list[str]:
        """The roles that include `role`'s rights."""
        order = list(cls.values)
        return order[order.index(role) :]


class WorkspaceQuerySet(models.QuerySet):
    def visible_to(self, user: User) -> Self:
        if not user.is_authenticated:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(memberships__user=user)


class Workspace(models.Model):
    """What a team shares: models, configs, services and their history belong to exactly one."""

    slug = models.CharField(max_length=63, unique=True, validators=[slug_rule])
    name = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug

    def role_of(self, user: User) -> str | None:
        """The person's role here, or None."""
        if user.is_superuser:
            return Role.ADMIN
        return self.memberships.filter(user=user).values_list("role", flat=True).first()


class Membership(models.Model):
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="one_role_a_person")]

    def __str__(self) -> str:
        return f"{self.user} in {self.workspace}: {self.role}"


class InvitationQuerySet(models.QuerySet):
    def open(self) -> Self:
        """Invitations that can still be accepted."""
        return self.filter(expires_at__gt=timezone.now())


class Invitation(models.Model):
    """A link that lets one person into a workspace. The row goes when it is accepted or withdrawn."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="invitations")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.VIEWER)
    note = models.CharField(max_length=80, blank=True)  # whom it is meant for, in the inviter's words
    digest = models.CharField(max_length=64, unique=True)  # of the secret in the link
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="invitations")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.note or "somebody"


class NameCounter(models.Model):
    """The number that was given last to what is called `name`, for each kind of numbered thing."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="name_counters")
    kind = models.CharField(max_length=32)
    name = models.CharField(max_length=120)
    last_number = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "kind", "name"], name="one_counter_a_name")]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.last_number}"


class Access(models.TextChoices):
    READ = "read"
    WRITE = "write"


class TokenQuerySet(models.QuerySet):
    def live(self) -> Self:
        fresh = Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now())
        return self.filter(fresh, revoked_at__isnull=True, user__is_active=True)

    def visible_to(self, user: User) -> Self:
        return self if user.is_superuser else self.filter(user=user)


class ApiToken(models.Model):
    """A key for programs: hashed, named, expiring, bound to one workspace and to reading or writing.

    It never allows more than its owner's role does at the moment of the call.
    """

    PREFIX = "slw_"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="api_tokens")
    # The token that this one was made with, if a program made it: what is made with a token ends with it.
    made_with = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="made")
    name = models.CharField(max_length=80)
    access = models.CharField(max_length=8, choices=Access.choices, default=Access.READ)
    hint = models.CharField(max_length=12)  # the first characters, to tell tokens apart
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = TokenQuerySet.as_manager()

    class Meta:
        verbose_name = "token"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.hint}…)"

    @classmethod
    def make_secret(cls) -> str:
        return cls.PREFIX + secrets.token_urlsafe(32)

    @staticmethod
    def digest_of(secret: str) -> str:
        return digest_of(secret)
