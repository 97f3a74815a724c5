"""The project: settings, addresses, the REST root, background work, and the apps that every other app builds on."""

from studio.celery import app as celery_app

__all__ = ["celery_app"]
