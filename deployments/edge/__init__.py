"""Revisions on devices: archives that start by themselves, and what agents are told and tell."""
