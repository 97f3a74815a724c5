"""Collecting inputs and predictions inside the script."""

from scoring.script.compat.collector import ModelDataCollector

__all__ = ["ModelDataCollector"]
