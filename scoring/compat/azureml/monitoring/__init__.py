"""Collecting inputs and predictions inside the script."""

from scoring.compat.collector import ModelDataCollector

__all__ = ["ModelDataCollector"]
