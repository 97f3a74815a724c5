"""A service as REST answers and pages show it: plain values, secrets left out."""

from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from deployments.config.deployment_config import config_of
from deployments.control.facts import facts_of, instances_of, wanted_revision
from deployments.control.service_phase import update_of
from deployments.control.steps import steps_of
from deployments.models import Revision, Service
from deployments.services.operations import under_way
from deployments.services.replicas import describe_instances
from deployments.targets.observation import Observation
from deployments.targets.unix_sockets import PREFIX
from deployments.traffic.front_address import front_address_of, front_url
from studio.core.process_variables import HIDDEN
from studio.sandbox.levels import describe as describe_level


def describe(service: Service, *, with_values: bool) -> dict[str, Any]:
    """`with_values`: whether the reader may see what environment variables are set to."""
    revision, facts, now = wanted_revision(service), facts_of(service), timezone.now()
    address, shown = address_of(service) or front_address_of(service), facts.shown
    return {
        "name": service.name,
        "state": service.phase,
        "desired": service.desired,
        "cause": service.cause,
        "asleep": facts.is_asleep,
        "scoring_uri": f"{address}/score" if address else None,
        "front_uri": f"{front}/score" if (front := front_address_of(service)) else None,
        "swagger_uri": f"{address}/swagger.json" if address else None,
        "grpc_address": grpc_address_of(service, revision) or None,
        "front_grpc_address": front_grpc_address_of(service, revision) or None,
        "models": models_of(revision),
        "config": str(revision.config) if revision and not revision.config.draft else None,
        "development": service.development,
        "revision": service.wanted_revision,
        "observed_revision": shown.observation.revision if shown else None,
        "update": update_of(facts, now),
        "instances": describe_instances(service),
        "operation": under_way(service, facts),
        "target": service.target.name,
        "walls": walls_of(shown.observation) if shown else None,
        "steps": [step.as_dict() for step in steps_of(facts, now)],
        "description": service.description,
        "created_by": service.created_by.get_username() if service.created_by else None,
        "created_at": service.created_at,
        "updated_at": service.updated_at,
        "deployment_config": shown_config(revision, with_values=with_values),
    }


def address_of(service: Service) -> str:
    """Where the service answers: its own address, or that of the instance that serves on targets without ports; empty
    when there is none."""
    if service.port:
        return f"http://127.0.0.1:{service.port}"
    return _endpoint(service, "http")


def call_address_of(service: Service) -> str:
    """Where people are to call it: through the front, which splits its requests and wakes it; without a front at its
    own address."""
    return front_address_of(service) or address_of(service)


def grpc_address_of(service: Service, revision: Revision | None) -> str:
    """Where it answers over gRPC, as clients take it; empty where the revision has none."""
    if not config_of(revision).grpc:
        return ""
    return f"127.0.0.1:{service.grpc_port}" if service.grpc_port else _endpoint(service, "grpc")


def front_grpc_address_of(service: Service, revision: Revision | None) -> str:
    """Where the front passes gRPC on; empty where there is no front, or the revision has no gRPC."""
    host = urlsplit(front_url()).hostname
    return f"{host}:{service.front_port}" if host and service.front_port and config_of(revision).grpc else ""


def socket_of(service: Service) -> tuple[str, int] | None:
    """Path and owner of the unix socket that a serving replica answers at, where it has one."""
    for instance in instances_of(service):
        for one in Observation.from_dict(instance.observed).replicas:
            address = next((each.address for each in one.endpoints if each.protocol == "http"), "")
            if one.serving and address.startswith(PREFIX) and one.user is not None:
                return address.removeprefix(PREFIX), one.user
    return None


def _endpoint(service: Service, protocol: str) -> str:
    """As clients can use it: what listens at a unix socket is called through the front."""
    serving = [instance for instance in instances_of(service) if instance.observed.get("serving")]
    found = [one["address"] for instance in serving for one in instance.endpoints if one["protocol"] == protocol]
    return next((address for address in found if not address.startswith(PREFIX)), "")


def walls_of(observation: Observation) -> dict[str, Any] | None:
    """What stands around the code of an instance, on targets that say so."""
    if not observation.walls:
        return None
    description = describe_level(observation.walls, changes_user=observation.user is not None)
    if observation.readable:
        description = f"{description}; it may also read {', '.join(observation.readable)}"
    return {"level": observation.walls, "user": observation.user, "description": description}


def models_of(revision: Revision | None) -> list[str]:
    """'iris:1' for every model version in it."""
    return [str(use.version) for use in revision.models.all()] if revision else []


def shown_config(revision: Revision | None, *, with_values: bool) -> dict[str, Any]:
    """The deployment config; values of environment variables are often secrets, so viewers see names only."""
    config = dict(revision.deployment_config) if revision else {}
    if not with_values:
        variables = config.get("environment_variables") or {}
        config["environment_variables"] = dict.fromkeys(variables, HIDDEN)
    return config
