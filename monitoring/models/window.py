"""Telemetry windows: what a replica counted in a few seconds, mergeable with any other window."""

from typing import Any

from django.db import models
from django.db.models.fields.json import KeyTransform

from deployments.models import Service
from studio.accounts.ownership import OwnedQuerySet

FIGURE_FIELDS = ("service_id", "revision", "replica", "resolution", "start", "seconds", "codes", "latency", "memory")


class WindowQuerySet(OwnedQuerySet):
    workspace_path = "service__workspace"

    def for_figures(self) -> models.QuerySet[Any]:
        """Named tuples of only what single figures need: histograms are large, and an hour of a workspace has many."""
        return self.annotate(
            codes=KeyTransform("codes", "counters"),
            latency=KeyTransform("latency", "histograms"),
            memory=KeyTransform("memory", "gauges"),
        ).values_list(*FIGURE_FIELDS, named=True)


class Resolution(models.IntegerChoices):
    """How much time a row stands for, in seconds; `RAW` is a window as the replica sent it."""

    RAW = 0
    MINUTE = 60
    TEN_MINUTES = 600


class Window(models.Model):
    """Counts and histograms of one revision from `start`, by whoever is `replica`.

    `counters` {name: {label: count}}, `histograms` {name: {bucket: count}} and `gauges` {name: value} hold the metrics
    of `scoring.contract.METRICS`; those that a scoring server did not send, or that are empty, are missing.

    A raw row lasts `seconds`, and its `sequence` makes a repeated push harmless. A rolled-up row stands for
    `resolution` seconds of the clock, of which the replica counted during `seconds`; its `sequence` is the
    number of that stretch since 1970, and `merged` keeps the raw sequences in it (monitoring.telemetry.rollups.pack),
    so that a push repeated after the roll-up counts once, too.
    """

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="%(class)ss")
    revision = models.PositiveIntegerField()
    replica = models.CharField(max_length=64)
    resolution = models.PositiveSmallIntegerField(choices=Resolution.choices, default=Resolution.RAW)
    sequence = models.BigIntegerField()
    start = models.DateTimeField()
    seconds = models.FloatField()
    counters = models.JSONField(default=dict)
    histograms = models.JSONField(default=dict)
    gauges = models.JSONField(default=dict)
    merged = models.JSONField(default=list)

    objects = WindowQuerySet.as_manager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M:%S} +{self.resolution or self.seconds:g} s"

    @property
    def codes(self) -> dict[str, int] | None:
        return self.counters.get("codes")

    @property
    def latency(self) -> dict[str, int] | None:
        return self.histograms.get("latency")

    @property
    def memory(self) -> float | None:
        return self.gauges.get("memory")


class MetricWindow(Window):
    """What a replica counted: what every figure of a service is made of."""

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


class FrontWindow(Window):
    """What a front counted; `replica` is its name.

    A table of its own, since a front counts what replicas count once more, as callers see it: with what no replica
    answered, and the time that requests waited for one. So no figure can add the two.
    """

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["service", "replica", "resolution", "sequence", "revision"], name="front_window_once"
            )
        ]
        indexes = [
            models.Index(fields=["service", "start"], name="front_window_by_time"),
            models.Index(fields=["resolution", "start"], name="front_window_by_age"),
        ]
