from monitoring.models.window import COUNTED, MetricWindow, Resolution

__all__ = ["COUNTED", "MetricWindow", "Resolution"]
