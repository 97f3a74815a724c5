"""Telemetry windows: what a replica counted in a few seconds, mergeable with any other window."""

from django.db import models

from deployments.models import Service
from studio.accounts.ownership import OwnedQuerySet


class WindowQuerySet(OwnedQuerySet):
    workspace_path = "service__workspace"


class Resolution(models.IntegerChoices):
    """How much time a row stands for, in seconds; `RAW` is a window as the replica sent it."""

    RAW = 0
    MINUTE = 60
    TEN_MINUTES = 600


COUNTED = ("codes", "latency", "queue", "infer", "spent", "rows", "keys")  # fields that merge by adding


class MetricWindow(models.Model):
    """Counts and histograms of one replica from `start`.

    `codes` maps HTTP status to request count, `keys` the key that was shown (primary, secondary, none);
    `latency`, `queue` and `infer` are sparse histograms {bucket: count} in the buckets of scoring.contract; `spent`
    is microseconds of all requests together by part (total, queue, decode, infer, encode); `rows` maps the rows of a
    run to the requests that shared it. The last four are empty in windows of scoring servers that did not send them.
    `cpu` is cores used on average over `seconds`, `memory` the highest number of resident bytes of all the
    replica's processes.

    A raw row lasts `seconds`, and its `sequence` makes a repeated push harmless. A rolled-up row stands for
    `resolution` seconds of the clock, of which the replica counted during `seconds`; its `sequence` is the
    number of that stretch since 1970, and `merged` keeps the raw sequences in it (monitoring.telemetry.rollups.pack),
    so that a push repeated after the roll-up counts once, too.
    """

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="windows")
    revision = models.PositiveIntegerField()
    replica = models.CharField(max_length=64)
    resolution = models.PositiveSmallIntegerField(choices=Resolution.choices, default=Resolution.RAW)
    sequence = models.BigIntegerField()
    start = models.DateTimeField()
    seconds = models.FloatField()
    codes = models.JSONField(default=dict)
    latency = models.JSONField(default=dict)
    queue = models.JSONField(default=dict)
    infer = models.JSONField(default=dict)
    spent = models.JSONField(default=dict)
    rows = models.JSONField(default=dict)
    keys = models.JSONField(default=dict)
    cpu = models.FloatField(default=0)
    memory = models.BigIntegerField(default=0)
    merged = models.JSONField(default=list)

    objects = WindowQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["service", "replica", "resolution", "sequence", "revision"], name="window_once"
            )
        ]
        indexes = [
            models.Index(fields=["service", "start"], name="window_by_time"),
            models.Index(fields=["resolution", "start"], name="window_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.service_id} {self.start:%H:%M:%S} +{self.resolution or self.seconds:g} s"
