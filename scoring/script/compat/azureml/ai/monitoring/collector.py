"""The class by the name of its own module."""

from scoring.script.compat.frame_collector import Collector

__all__ = ["Collector"]
