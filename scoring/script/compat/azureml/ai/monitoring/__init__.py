"""Collecting data frames inside the script."""

from scoring.script.compat.frame_collector import Collector

__all__ = ["Collector"]
