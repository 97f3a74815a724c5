"""The routing file that the studio writes for the front, and what fronts report."""

from django.db import models


class RoutingFile(models.Model):
    """The newest routing file: the only row has the key 1. Written under a lock by deployments.traffic.routing_file.

    `number` rises with every file; `digest` is the SHA-256 of its services, hex.
    """

    number = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"routing file {self.number}"


class FrontStatus(models.Model):
    """What a front said of itself last. `applied`: number of the routing file in use; `refused`: why a newer is not.

    `loads`: what each revision had to do lately (scoring.front_contract.ServiceLoad), those without anything left out;
    `loads_at`: when that was told, `loads_seconds`: over how long.
    """

    name = models.CharField(max_length=100, unique=True)
    started_at = models.DateTimeField()
    applied = models.PositiveBigIntegerField(default=0)
    refused = models.TextField(blank=True)
    ejected = models.JSONField(default=list)  # ids of replicas that get no requests for now
    loads = models.JSONField(default=list)
    loads_at = models.DateTimeField(null=True, blank=True)
    loads_seconds = models.FloatField(default=0.0)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
