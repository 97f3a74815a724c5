"""The graph of an ONNX version, apart from the version's row: lists never need it."""

from django.db import models

from registry.models.version import ModelVersion


class VersionGraph(models.Model):
    """`content` is `registry.inspection.graph.Graph` as JSON, compressed with zlib."""

    version = models.OneToOneField(ModelVersion, on_delete=models.CASCADE, related_name="graph")
    content = models.BinaryField()

    def __str__(self) -> str:
        return f"graph of {self.version}"
