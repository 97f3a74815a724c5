"""Ports of this machine that services hold."""

from django.db import models

from deployments.models.service import Service


class Port(models.Model):
    """One number, one holder, whatever is spoken on it: the primary key decides between people who come at once.

    `Service.port`, `grpc_port` and `front_port` repeat the number where it is read;
    deployments.services.ports.claim writes both.
    """

    class Use(models.TextChoices):
        HTTP = "http", "HTTP"
        GRPC = "grpc", "gRPC"
        FRONT = "front", "gRPC through the front"

    number = models.PositiveIntegerField(primary_key=True)
    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="ports")
    use = models.CharField(max_length=8, choices=Use.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["service", "use"], name="one_port_a_use")]

    def __str__(self) -> str:
        return f"{self.number} of {self.service} ({self.get_use_display()})"
