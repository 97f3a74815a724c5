"""Pure: services, with their rows read ahead, → what the front is told of them."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from deployments import models
from deployments.config.deployment_config import config_of, limits_of
from deployments.config.scaling import scaling_of
from deployments.models import Desired, Instance, InstanceDesired, Key, KeyUse, Service, Traffic
from deployments.recipe.spec import TOKEN_ISSUER, token_audience
from deployments.targets.observation import Observation, Replica
from deployments.traffic import split
from scoring.contract import TokenRules
from scoring.front_contract import ClientKey, FrontReplica, FrontRevision, FrontService, Sticky

QUEUE_WAIT_SECONDS = 0.5  # Azure's
WAKE_SECONDS = 60.0  # callers rarely wait longer for an answer
UNIX = "unix:"  # where a replica is reached at a socket of its own
ANSWERING = {"ready", "unreachable"}  # states of a replica that has an address; the front finds out if it answers


def services_of(rows: Iterable[Service]) -> list[FrontService]:
    """In the order of `rows`, which deployments.traffic.routing_file reads. Services that nothing is deployed of yet,
    are stopped or being deleted are left out."""
    found = (_service(row) for row in rows if row.desired == Desired.RUNNING)
    return [service for service in found if service is not None]


def seed_of(row: Service) -> str:
    """Of the hash that sticky values get their slot by, and users their id."""
    return str(row.pk)


def _service(row: Service) -> FrontService | None:
    shares, instances = list(row.traffic.all()), {one.revision_id: one for one in row.instances.all()}
    default = next((share for share in shares if share.revision.number == row.default_revision), None)
    if default is None:
        return None
    config = config_of(default.revision)
    limits = limits_of(config)
    takes_tokens = config.credential == "token"
    audience = token_audience(row.workspace.slug, row.name)
    return FrontService(
        id=row.pk,
        workspace=row.workspace.slug,
        name=row.name,
        default=row.default_revision,
        revisions=_revisions(shares, instances, default, _shared_grpc(row) if config.grpc else ""),
        hosts=sorted(host.name for host in row.hosts.all()),
        auth=config.credential or "none",
        keys=_keys(row) if config.credential == "key" else [],
        tokens=TokenRules(row.token_secret, audience, TOKEN_ISSUER) if takes_tokens else None,
        front_key=row.front_key,
        seed=seed_of(row),
        sticky=Sticky(**row.sticky) if row.sticky else None,
        scoring_timeout_seconds=limits["scoring_timeout_seconds"],
        max_body_bytes=limits["max_body_bytes"],
        concurrency=config.concurrency,
        queue_limit=config.waiting_limit,
        queue_wait_seconds=QUEUE_WAIT_SECONDS if config.queue_wait_seconds is None else config.queue_wait_seconds,
        wakes=any(scaling_of(config_of(share.revision), row.scaling).sleeps for share in shares),
        wake_seconds=min(float(config.start_deadline_seconds), WAKE_SECONDS),
        grpc_port=row.front_port if config.grpc else None,
    )


def _shared_grpc(row: Service) -> str:
    """Where the replicas that answer at the service's own address speak gRPC; the kernel spreads connections over them.
    Empty at targets where each replica has an address of its own for that."""
    return f"127.0.0.1:{row.grpc_port}" if row.grpc_port else ""


def _revisions(
    shares: list[Traffic], instances: dict[int, Instance], default: Traffic, shared_grpc: str
) -> list[FrontRevision]:
    """All of them by number. Slots of one that nothing runs of are answered by the default one; those of a default that
    nothing runs of by the one with the largest share: nobody waits for what is starting while another one answers."""
    replicas = {share.revision_id: _replicas(instances.get(share.revision_id), shared_grpc) for share in shares}
    running = [share for share in shares if replicas[share.revision_id]]
    substitute = (
        default if replicas[default.revision_id] else max(running, key=lambda one: one.percent, default=default)
    )
    slots: dict[int, split.Runs] = {share.revision_id: [] for share in shares}
    for share in shares:
        owner = share if share in running else substitute
        slots[owner.revision_id] += [(first, last) for first, last in share.slots]
    return [
        FrontRevision(
            number=share.revision.number,
            label=share.revision.label,
            slots=split.ascending(slots[share.revision_id]),
            mirror_percent=share.mirror_percent if share in running else 0.0,
            replicas=replicas[share.revision_id],
        )
        for share in sorted(shares, key=lambda share: share.revision.number)
    ]


def _replicas(instance: Instance | None, shared_grpc: str) -> list[FrontReplica]:
    """Where each of them answers by itself, as it was last observed; not those that are to end."""
    if instance is None or instance.desired != InstanceDesired.RUNNING:
        return []
    found = Observation.from_dict(instance.observed).first(instance.replicas)
    return [told for one in found if (told := _replica(instance, one, shared_grpc))]


def _replica(instance: Instance, found: Replica, shared_grpc: str) -> FrontReplica | None:
    by_protocol = {one.protocol: one.address for one in found.endpoints}
    address = _bare(by_protocol.get("http", ""))
    if found.state not in ANSWERING or not address:
        return None
    grpc = by_protocol.get("grpc") or (shared_grpc if found.serving else "")
    return FrontReplica(id=f"{instance.pk}-{found.number}", address=address, owner=found.user, grpc=grpc)


def _bare(address: str) -> str:
    """An endpoint's address as the front takes it: of a URL host and port, a unix socket as it is."""
    return address if address.startswith(UNIX) else urlsplit(address).netloc


def _keys(row: Service) -> list[ClientKey]:
    """The service's own two, then those of its clients."""
    own = sorted(row.keys.all(), key=lambda key: key.slot)
    used = {use.key: use for use in row.key_uses.all()}
    clients = sorted(row.client_keys.all(), key=lambda key: key.name)
    return [*map(_own_key, own), *(_client_key(key, used.get(key.name)) for key in clients)]


def _own_key(key: Key) -> ClientKey:
    return ClientKey(name=key.slot, digest=key.digest)


def _client_key(key: models.ClientKey, used: KeyUse | None) -> ClientKey:
    """With quotas, what was used of them today in steps of a hundredth: the file is not written for each request, and a
    front that starts anew gives away a hundredth at most."""
    requests = _in_steps(used.requests, key.requests_a_day) if used else 0
    rows = _in_steps(used.rows, key.rows_a_day) if used else 0
    has_quota = key.requests_a_day is not None or key.rows_a_day is not None
    return ClientKey(
        name=key.name,
        digest=key.digest,
        expires_at=key.expires_at.timestamp() if key.expires_at else None,
        requests_a_day=key.requests_a_day,
        rows_a_day=key.rows_a_day,
        day=str(used.day) if has_quota and used else "",
        requests_today=requests,
        rows_today=rows,
    )


def _in_steps(used: int, quota: int | None) -> int:
    return used - used % max(quota // 100, 1) if quota is not None else 0
