"""Packages that Azure called preview, and that scripts still name."""
