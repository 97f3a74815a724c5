"""Access tokens: what callers show to a service that takes no keys. Signed here, checked by the service itself.

A token is a JSON Web Token (RFC 7519) of one service, signed with HS256 and the service's own secret.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import uuid4

import jwt
from django.db import transaction
from django.utils import timezone

from deployments.config.deployment_config import config_of
from deployments.config.options import Credential
from deployments.control.facts import traffic_revision, wanted_revision
from deployments.desired_state import change, record_event, renew_credentials
from deployments.errors import TakesNoKeys, TakesNoTokens
from deployments.events import TOKEN_ISSUED, TOKENS_REVOKED
from deployments.models import Service
from deployments.recipe.spec import TOKEN_ISSUER, token_audience
from studio.accounts.models import User
from studio.core.secrets import new_secret

LIFETIME = timedelta(hours=1)
FRESH = timedelta(minutes=45)  # then a new one is due, so that none expires in use


@dataclass(frozen=True)
class AccessToken:
    access_token: str = field(repr=False)
    refresh_after: datetime
    expiry_on: datetime
    token_type: str = "Bearer"  # noqa: S105 - the word, not the token


def needed_for(service: Service) -> Credential:
    """What the service asks of its callers now; an update counts once it is built."""
    return config_of(traffic_revision(service) or wanted_revision(service)).credential


def issue(service: Service, person: User) -> AccessToken:
    """A token for this person, which the audit trail tells of. Raises `TakesNoTokens`."""
    _check(service)
    now, token_id = timezone.now().replace(microsecond=0), uuid4().hex
    expiry = now + LIFETIME
    text = sign(service, person.get_username(), LIFETIME, token_id=token_id)
    record_event(TOKEN_ISSUED, service, person, token_id=token_id, expiry_on=expiry.isoformat())
    return AccessToken(text, refresh_after=now + FRESH, expiry_on=expiry)


def sign(service: Service, subject: str, lifetime: timedelta, *, token_id: str | None = None) -> str:
    """The text of a token that ends after `lifetime`."""
    now = int(timezone.now().timestamp())
    claims = {
        "iss": TOKEN_ISSUER,
        "aud": token_audience(service.workspace.slug, service.name),
        "sub": subject,
        "iat": now,
        "exp": now + int(lifetime.total_seconds()),
        "jti": token_id or uuid4().hex,
    }
    return jwt.encode(claims, service.token_secret, algorithm="HS256")


def regenerate(service: Service, actor: User) -> None:
    """A new secret: within seconds the service refuses every token so far. Raises `TakesNoTokens`."""
    _check(service)
    secret = new_secret()
    with transaction.atomic():
        change(service, token_secret=secret)
        renew_credentials(service)
        record_event(TOKENS_REVOKED, service, actor)
    service.token_secret = secret


def refuse_keys(service: Service) -> None:
    """Raises `TakesNoKeys` where callers need a token instead."""
    if needed_for(service) == "token":
        raise TakesNoKeys(service.name)


def _check(service: Service) -> None:
    needed = needed_for(service)
    if needed != "token":
        raise TakesNoTokens(service.name, takes_keys=needed == "key")
