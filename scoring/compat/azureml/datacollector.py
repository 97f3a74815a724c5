"""Collecting inputs and predictions, by the name of 2017."""

from scoring.compat.collector import ModelDataCollector

__all__ = ["ModelDataCollector"]
