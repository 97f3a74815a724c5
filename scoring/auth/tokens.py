"""JSON Web Tokens (RFC 7519), signed with HS256 by whoever knows the service's secret: the studio.

Needs PyJWT, so it is imported only where a service takes tokens. Refusals are worded as RFC 6750 asks.
"""

from typing import Any

import jwt

from scoring.contract import TokenRules
from scoring.core.errors import ScoringError

ALGORITHMS = ["HS256"]  # fixed, whatever a token claims: never `none`, never a public key used as a secret
LEEWAY_SECONDS = 5  # by how much the clocks of studio and service may differ
REQUIRED = ["exp", "aud", "iss"]
REFUSALS: tuple[tuple[type[Exception], str], ...] = (  # the first that fits
    (jwt.ExpiredSignatureError, "The token has expired."),
    (jwt.ImmatureSignatureError, "The token is not valid yet."),
    (jwt.InvalidAudienceError, "The token is for another service."),
    (jwt.InvalidIssuerError, "The token comes from another issuer."),
    (jwt.InvalidAlgorithmError, "The token is not signed with HS256."),
    (jwt.InvalidSignatureError, "The signature of the token is not right."),
    (jwt.DecodeError, "This is no JSON Web Token: the service takes tokens, no keys."),
    (jwt.PyJWTError, "The token cannot be used."),
)


class TokenCheck:
    """Validates tokens."""

    def __init__(self, rules: TokenRules) -> None:
        self._rules = rules

    def expiry_of(self, token: bytes) -> float:
        """When the token expires (epoch seconds); 401 if it is not valid for this service now."""
        try:
            return float(self._claims_of(token)["exp"])
        except jwt.MissingRequiredClaimError as error:
            raise invalid(f"The token lacks the claim '{error.claim}'.") from error
        except (jwt.PyJWTError, UnicodeDecodeError, RecursionError) as error:  # the last: a deeply nested head
            raise invalid(
                next((message for kind, message in REFUSALS if isinstance(error, kind)), REFUSALS[-1][1])
            ) from error

    def _claims_of(self, token: bytes) -> dict[str, Any]:
        return jwt.decode(
            token.decode("ascii"),
            self._rules.secret,
            algorithms=ALGORITHMS,
            audience=self._rules.audience,
            issuer=self._rules.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": REQUIRED},
        )


def invalid(message: str) -> ScoringError:
    """401 for an invalid token, with the reason in the header (RFC 6750, section 3)."""
    challenge = f'Bearer realm="scoring", error="invalid_token", error_description="{message}"'
    hint = " Get a new one from the studio: slipway service get-access-token."
    return ScoringError(401, "unauthorized", message + hint, headers=(("www-authenticate", challenge),))
