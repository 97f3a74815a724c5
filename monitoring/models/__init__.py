from monitoring.models.profile import Profile
from monitoring.models.window import FrontWindow, MetricWindow, Resolution, Window

__all__ = ["FrontWindow", "MetricWindow", "Profile", "Resolution", "Window"]
