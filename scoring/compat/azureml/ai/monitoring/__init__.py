"""Collecting data frames inside the script."""

from scoring.compat.frame_collector import Collector

__all__ = ["Collector"]
