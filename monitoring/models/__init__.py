from monitoring.models.window import MetricWindow, Resolution

__all__ = ["MetricWindow", "Resolution"]
