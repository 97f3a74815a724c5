from monitoring.models.window import FrontWindow, MetricWindow, Resolution, Window

__all__ = ["FrontWindow", "MetricWindow", "Resolution", "Window"]
