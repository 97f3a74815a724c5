"""The class by the name of its own module."""

from scoring.script.compat.collector import ModelDataCollector

__all__ = ["ModelDataCollector"]
