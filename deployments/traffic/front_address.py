"""Where people reach services through the front."""

from django.conf import settings

from deployments.models import Service
from studio.stack.addresses import url_of


def front_url() -> str:
    """Of the front, without a slash at the end; empty where there is none."""
    chosen = settings.FRONT
    if not chosen["enabled"]:
        return ""
    if chosen["url"]:
        return str(chosen["url"]).rstrip("/")
    has_tls = bool(chosen["certificate"] or chosen["self_signed"])
    return url_of(chosen["host"], chosen["port"], tls=has_tls).rstrip("/")


def front_address_of(service: Service) -> str:
    """Of a service behind the front; empty where there is no front."""
    front = front_url()
    return f"{front}/{service.workspace.slug}/{service.name}" if front else ""
