from django.conf import settings
from django.db import migrations


def note_holders(apps, schema_editor):
    """Write down who holds which port.

    A gRPC port could be another service's HTTP port until now: it gives way, for the addresses that people have
    noted down are mostly the HTTP ones.
    """
    services = list(apps.get_model("deployments", "Service").objects.order_by("pk"))
    taken = {service.port for service in services}
    first, last = settings.SLIPWAY["LOCAL_PORTS"]
    never = taken | {service.grpc_port for service in services}
    free = (number for number in range(first, last + 1) if number not in never)
    for service in services:
        if service.grpc_port in taken - {None}:
            service.grpc_port = _next(free, service)
            service.save(update_fields=["grpc_port"])
    port = apps.get_model("deployments", "Port")
    port.objects.bulk_create(
        port(number=number, service=service, use=use)
        for service in services
        for use, number in (("http", service.port), ("grpc", service.grpc_port))
        if number
    )


def _next(free, service):
    number = next(free, None)
    if number is None:
        raise RuntimeError(
            f"The gRPC port {service.grpc_port} of the service '{service.name}' is also another service's HTTP port, and "
            "no other is left. Widen SLIPWAY_LOCAL_PORT_FIRST and SLIPWAY_LOCAL_PORT_LAST, then migrate again."
        )
    return number


class Migration(migrations.Migration):
    dependencies = [("deployments", "0003_port")]

    operations = [migrations.RunPython(note_holders, migrations.RunPython.noop)]
