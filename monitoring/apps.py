from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    name = "monitoring"

    def ready(self) -> None:
        """Tell the pages of deployments how services are doing."""
        from deployments.services import recent_figures
        from monitoring.telemetry.recent import read_recent

        recent_figures.register(read_recent)
