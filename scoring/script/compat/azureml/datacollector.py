"""Collecting inputs and predictions, by the name of 2017."""

from scoring.script.compat.collector import ModelDataCollector

__all__ = ["ModelDataCollector"]
