from monitoring.models.window import MetricWindow

__all__ = ["MetricWindow"]
