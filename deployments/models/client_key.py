"""Keys of single clients of a service, and what came with each key."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from deployments.models.service import Service
from studio.accounts.models import slug_rule


class ClientKey(models.Model):
    """A key that one client of a service uses at the front; only its digest is kept.

    The quotas are of the UTC day; None: no limit. The service's own address takes the primary and secondary key alone,
    since quota and expiry are held by the front.
    """

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="client_keys")
    name = models.CharField(max_length=63, validators=[slug_rule])
    digest = models.CharField(max_length=64)  # SHA-256, hex
    hint = models.CharField(max_length=8)  # the first characters, to tell keys apart
    expires_at = models.DateTimeField(null=True, blank=True)
    requests_a_day = models.PositiveBigIntegerField(null=True, blank=True)
    rows_a_day = models.PositiveBigIntegerField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["service", "name"], name="client_key_name_once"),
            models.UniqueConstraint(fields=["service", "digest"], name="client_key_value_once"),
        ]

    def __str__(self) -> str:
        return f"client key {self.name} of {self.service}"

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()


class KeyUse(models.Model):
    """What came through the front with a key (`primary`, `secondary` or a client's) on a UTC day. Rows are counted for
    keys that have a quota of them."""

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="key_uses")
    key = models.CharField(max_length=63)
    day = models.DateField()
    requests = models.PositiveBigIntegerField(default=0)
    rows = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service", "key", "day"], name="key_use_once_a_day")]

    def __str__(self) -> str:
        return f"{self.key} of {self.service} on {self.day}: {self.requests} requests"
