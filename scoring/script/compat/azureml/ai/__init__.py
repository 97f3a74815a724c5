"""Packages of Azure's second version."""
