from django.apps import AppConfig


class StudioConfig(AppConfig):
    name = "studio"

    def ready(self) -> None:
        # Tasks find their Celery application because this module is loaded wherever Django is.
        import studio.celery  # noqa: F401
