"""Telemetry windows: what a replica counted in a few seconds, mergeable with any other window."""

from django.db import models

from deployments.models import Service


class MetricWindow(models.Model):
    """Counts and histograms of one replica (or, after a roll-up, of all) from `start` for `seconds`.

    `codes` maps HTTP status to request count; `latency` and `queue` are sparse histograms
    {bucket: count} in the buckets of scoring.contract; `cpu` is cores used on average, `memory` bytes
    of resident memory summed over the replica's processes. `sequence` makes a repeated push harmless.
    """

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="windows")
    revision = models.PositiveIntegerField()
    replica = models.CharField(max_length=64)
    sequence = models.BigIntegerField()
    start = models.DateTimeField()
    seconds = models.FloatField()
    codes = models.JSONField(default=dict)
    latency = models.JSONField(default=dict)
    queue = models.JSONField(default=dict)
    cpu = models.FloatField(default=0)
    memory = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["service", "replica", "seconds", "sequence"], name="window_once")
        ]
        indexes = [models.Index(fields=["service", "start"], name="window_by_time")]

    def __str__(self) -> str:
        return f"{self.service} {self.start:%H:%M:%S} +{self.seconds:g} s"
