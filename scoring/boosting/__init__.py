"""Boosted trees in their libraries' own formats."""
