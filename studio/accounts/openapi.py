"""How the OpenAPI document describes our tokens, and what most addresses hold."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter

WORKSPACE = OpenApiParameter("workspace", str, "path")
REFERENCE = OpenApiParameter("reference", str, "path", description="`name:number` or `name:latest`")


class TokenScheme(OpenApiAuthenticationExtension):
    """drf-spectacular finds it once this module is loaded: studio.api loads it with the addresses."""

    target_class = "studio.accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token from Settings → Tokens: `slw_…`"}
