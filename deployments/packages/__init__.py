"""Packages: a model version or a revision as an image, or as a Docker context that builds one, for machines without a
studio."""
