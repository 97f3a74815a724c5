"""`Authorization: Bearer slw_…` for REST."""

from datetime import timedelta

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from studio.accounts.models import ApiToken, User
from studio.core.best_effort import best_effort

USE_IS_NOTED_EVERY = timedelta(minutes=10)


class TokenAuthentication(BaseAuthentication):
    """Accepts a live token; `request.auth` is then the `ApiToken`."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, secret = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        digest = ApiToken.digest_of(secret.strip())
        token = ApiToken.objects.select_related("user", "workspace").filter(digest=digest).first()
        if token is None or not token.user.is_active:
            raise AuthenticationFailed("This token is not known here.", code="token_unknown")
        if token.revoked_at:
            raise AuthenticationFailed("This token was revoked.", code="token_revoked")
        now = timezone.now()
        if token.expires_at and token.expires_at <= now:
            raise AuthenticationFailed(
                f"This token expired on {token.expires_at:%Y-%m-%d}. Make a new one.", code="token_expired"
            )
        if token.last_used_at is None or now - token.last_used_at > USE_IS_NOTED_EVERY:
            best_effort(lambda: ApiToken.objects.filter(pk=token.pk).update(last_used_at=now))
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
