"""Every option of a deployment: one table that checks, forms, REST, command line, pages, docs and drivers read.

The fields of `DeploymentConfig` are the options that the studio itself carries out. `SERVER` describes those of the
scoring server; their types, ranges and defaults come from `scoring.contract.ServerOptions`. A new option is one entry
here and the code that carries it out. `python manage.py write_option_tables` then updates docs and command line.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from django.conf import settings

from scoring.contract import ServerOptions

Kind = Literal["number", "whole", "switch", "choice", "words", "variables", "json"]
Credential = Literal["key", "token", ""]
MIB = 1024**2
GIB = 1024**3
SIZE, LIMITS, ACCESS, LOAD = "Size", "Limits", "Access", "Under load"
RECORDS, OTHER = "Logs and data", "Variables and other options"
REPLICAS = "Replicas"
UNITS = {"s": "seconds", "ms": "milliseconds"}  # spelled out in a sentence
# Heading in the form, and how many short fields stand in a row below it.
GROUPS = {SIZE: 2, REPLICAS: 3, LIMITS: 3, ACCESS: 1, LOAD: 3, RECORDS: 3, OTHER: 1}


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option. `low`, `high` and `default` are as stored; `scale` is how much of the stored unit one `unit` is."""

    label: str
    help: str
    short: str = ""  # its name on pages, where that is not the label
    group: str = ""  # heading in the deploy form; empty: no field of its own
    unit: str = ""  # that people count it in
    scale: float = 1
    flag: str = ""  # of `slipway service deploy`, such as --cpu; empty: only in --server
    flag_aliases: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""  # what each of several words must match
    example: str = ""
    shows_default: bool = True  # whether the form and the help name the default
    setting: str = ""  # of the studio, which decides the default
    spec: str = ""  # field of the driver's specification
    convert: Callable[[Any], Any] = lambda value: value  # into the specification's unit
    azure: str = ""  # its key in Azure's deploymentconfig.json, and how much of the stored unit one of Azure's is
    azure_scale: float = 1
    came_later: bool = False  # not stored at its default: an equal config has the hash that it had before the option
    path: tuple[str, ...] = ()  # keys that lead to it in a deployment config
    kind: Kind = "json"
    default: Any = None

    @property
    def name(self) -> str:
        """As people write it: `cpu`, `server.batching.rows`."""
        return ".".join(self.path)

    @property
    def field(self) -> str:
        """Its name in forms."""
        return "_".join(self.path)

    def summary(self, *, unit: bool = True) -> str:
        """Label, unit and help in a line: `Memory in GB. What the model asks for, else 1.`"""
        measure = UNITS.get(self.unit, self.unit)
        return f"{self.label} in {measure}. {self.help}" if measure and unit else f"{self.label}. {self.help}"

    @property
    def usual(self) -> Any:
        """What holds when nothing is chosen."""
        return settings.SLIPWAY[self.setting] if self.setting else self.default

    def for_people(self, value: Any) -> Any:
        """A stored value in `unit`; None where it is no multiple of the unit and the option is a whole number."""
        if self.scale == 1 or not isinstance(value, (int, float)):
            return value
        shown = tidy(value / self.scale)
        return None if self.kind == "whole" and shown != int(shown) else shown

    def stored(self, value: Any) -> Any:
        """The inverse of `for_people`."""
        return value if self.scale == 1 or value is None else tidy(value * self.scale)


def tidy(value: float) -> float | int:
    """Without what changing units leaves in the last digits; whole where it is."""
    rounded = round(value, 9)
    return int(rounded) if math.isfinite(rounded) and rounded == int(rounded) else rounded


def option(default: Any, **facts: Any) -> Any:
    """A field of `DeploymentConfig`; the keywords are those of `Option`."""
    declared = Option(**facts, default=None if callable(default) else default)
    if callable(default) or declared.setting:
        factory = default if callable(default) else lambda: declared.usual
        return dataclasses.field(default_factory=factory, metadata={"option": declared})
    return dataclasses.field(default=default, metadata={"option": declared})


@dataclass(frozen=True, kw_only=True)
class DeploymentConfig:
    """How much of a machine a service gets, and how it behaves; made by `complete` and `read`."""

    cpu: float = option(
        1.0, label="CPU", unit="cores", low=0.1, high=256, group=SIZE, flag="--cpu", spec="cpus", convert=float,
        flag_aliases=("--cpu-cores", "--cc"), help="What the model asks for, else 1.", shows_default=False,
        azure="containerResourceRequirements.cpu",
    )  # fmt: skip
    memory_gb: float = option(
        1.0, label="Memory", unit="GB", low=0.1, high=4096, group=SIZE, flag="--memory-gb",
        flag_aliases=("--memory", "--gb"), help="What the model asks for, else 1.", shows_default=False,
        spec="memory_bytes", convert=lambda gb: int(gb * GIB), azure="containerResourceRequirements.memoryInGB",
    )  # fmt: skip
    processes: int | None = option(
        None, label="Processes", low=1, high=64, group=SIZE, flag="--processes", spec="processes",
        help="Each loads the model. By default chosen from the cores.",
    )  # fmt: skip
    replicas: int = option(
        1, label="Replicas", low=1, high=1000, group=REPLICAS, flag="--replicas", came_later=True,
        help="Each answers requests, and needs CPU and memory of its own.", azure="numReplicas",
    )  # fmt: skip
    min_replicas: int = option(
        1, label="Fewest replicas", low=0, high=1000, group=REPLICAS, flag="--min-replicas", came_later=True,
        help="While it scales by its load. With 0 it sleeps while nobody calls.", azure="autoScaler.minReplicas",
    )  # fmt: skip
    max_replicas: int | None = option(
        None, label="Most replicas", low=1, high=1000, group=REPLICAS, flag="--max-replicas", came_later=True,
        help="Naming it makes the service scale by its load, as the front counts it.",
        azure="autoScaler.maxReplicas",
    )  # fmt: skip
    target_utilization: int = option(
        70, label="Target utilisation", unit="%", low=1, high=100, group=REPLICAS, flag="--target-utilization",
        came_later=True, help="So busy should replicas be; the rest takes up what comes suddenly.",
        azure="autoScaler.targetUtilization",
    )  # fmt: skip
    scaling_seconds: int = option(
        1, label="Time between decisions", unit="s", low=1, high=3600, flag="--scaling-seconds", came_later=True,
        help="How often the number of replicas is decided. A service that sleeps wakes at once.",
        azure="autoScaler.refreshPeriodInSeconds",
    )  # fmt: skip
    idle_seconds: int = option(
        300, label="Sleep after", unit="s", low=5, high=604_800, group=REPLICAS, flag="--sleep-after",
        came_later=True, help="Without a request, where the fewest replicas are 0.",
    )  # fmt: skip
    concurrency: int | None = option(
        None, label="Requests at once", low=1, high=10_000, group=REPLICAS, flag="--concurrency", came_later=True,
        help="That the front sends to a replica; others wait. By default as many as come.",
        azure="maxConcurrentRequestsPerContainer",
    )  # fmt: skip
    waiting_limit: int = option(
        128, label="Waiting limit", unit="requests", low=0, high=100_000, group=LOAD, flag="--waiting-limit",
        came_later=True, help="That wait at the front for a free replica, per replica. Further ones get 503.",
    )  # fmt: skip
    queue_wait_seconds: float | None = option(
        None, label="Longest wait", unit="s", low=0, high=300, group=LOAD, flag="--longest-wait",
        came_later=True, help="For a replica, and in its queue: then the answer is 503. By default 0.5 and 10.",
        azure="maxQueueWaitMs", azure_scale=0.001,
    )  # fmt: skip
    start_deadline_seconds: int = option(
        300, label="Start deadline", unit="s", low=1, high=3600, group=LIMITS, flag="--start-deadline",
        help="Not ready by then counts as failed.", setting="START_DEADLINE_SECONDS",
        spec="start_deadline_seconds", convert=float,
    )  # fmt: skip
    scoring_timeout_seconds: float = option(
        60.0, label="Scoring timeout", unit="s", low=0.1, high=300, group=LIMITS, flag="--scoring-timeout",
        help="A request that takes longer gets an error.", spec="scoring_timeout_seconds", convert=float,
        azure="scoringTimeoutMs", azure_scale=0.001,
    )  # fmt: skip
    debug_port: int | None = option(
        None, label="Debugger port", low=1024, high=65535, flag="--debug-port", came_later=True, spec="debug_port",
        help="Where a debugger (VS Code, PyCharm) attaches on this machine. For development services alone.",
    )  # fmt: skip
    debug_wait: bool = option(
        False, label="Wait for a debugger", flag="--debug-wait", came_later=True, spec="debug_wait",
        help="Before the script is loaded. With a debugger port.",
    )  # fmt: skip
    max_body_mb: int = option(
        100, label="Largest request", unit="MB", low=1, high=1000, group=LIMITS, flag="--max-body",
        help="Larger ones are refused.", spec="max_body_bytes", convert=lambda mb: int(mb * MIB),
    )  # fmt: skip
    auth: bool = option(
        True, label="Calls need a key", flag="--auth/--no-auth", azure="authEnabled",
        help="Off: anyone who can reach the service may call it.",
    )  # fmt: skip
    token_auth: bool = option(
        False, label="Calls need a token", flag="--token-auth", came_later=True,
        help="It expires, and takes the place of keys.", azure="tokenAuthEnabled",
    )  # fmt: skip
    grpc: bool = option(
        False, label="Answer over gRPC too", short="gRPC", group=ACCESS, flag="--grpc/--no-grpc",
        help="On a second port, which the service keeps. For models without an inference config.",
    )  # fmt: skip
    network: Literal["target", "full", "none"] = option(
        "target", label="Network", group=ACCESS, flag="--network", spec="network", came_later=True,
        help="With none its code answers requests and connects to nobody; targets that cannot hold that refuse it. "
        "By default as the target has it: full on this machine, none on Docker.", shows_default=False,
    )  # fmt: skip
    environment_variables: dict[str, str] = option(  # noqa: RUF009 - it makes a field
        dict, label="Environment variables", group=OTHER, flag="--env", example="LOG_LEVEL=info",
        help="The process sees them; viewers do not see the values.", spec="environment_variables",
    )  # fmt: skip
    server: ServerOptions = dataclasses.field(default_factory=ServerOptions)

    @property
    def credential(self) -> Credential:
        """What callers must show: a key, a token, or nothing."""
        if self.token_auth:
            return "token"
        return "key" if self.auth else ""


SERVER = {
    "cors_origins": Option(
        label="Allowed origins (CORS)", group=ACCESS, flag="--cors-origin", example="https://example.com",
        pattern=r"\*|https?://[^/\s,]+", help="Web pages that may call from a browser; * for all. None by default.",
    ),
    "batching.rows": Option(
        label="Largest batch", unit="rows", group=LOAD, flag="--batch-rows",
        help="Waiting requests share a run; 1 turns that off. By default measured at the start.",
    ),
    "batching.delay_seconds": Option(
        label="Batching delay", unit="ms", scale=0.001, group=LOAD, flag="--batch-delay",
        help="How long a request may wait for others to share its run.",
    ),
    "batching.pad": Option(
        label="Padding", help="Inputs whose lengths may differ within a batch, and the value that fills them up."
    ),
    "providers": Option(
        label="Execution providers", group=LOAD, flag="--provider", example="cpu",
        help="Of ONNX Runtime, best first: {choices}. By default cpu.",
    ),
    "queue_limit": Option(
        label="Queue limit", unit="requests", group=LOAD, flag="--queue-limit",
        help="Slow ones that may wait, per process.",
    ),
    "queue_wait_seconds": Option(
        label="Longest queue wait", unit="s", group=LOAD, flag="--queue-wait",
        help="In the queue of a replica's process. Then the answer is 503.",
    ),
    "connections_limit": Option(
        label="Connections limit", group=LOAD, flag="--connections-limit", help="Open at once, per process."
    ),
    "log_format": Option(label="Log format", group=RECORDS, flag="--log-format", help="Of every line."),
    "collect.fraction": Option(
        label="Requests collected", unit="%", scale=0.01, group=RECORDS, flag="--collect-percent",
        help="The share whose inputs and predictions are kept. None by default.", shows_default=False,
        azure="dataCollection.storageEnabled",
    ),
    "collect.max_bytes": Option(
        label="Room for collected", unit="MB", scale=MIB, low=MIB, high=1_000_000 * MIB, group=RECORDS,
        flag="--collect-mb", help="The oldest make room.",
    ),
    "collect.inputs": Option(label="Collect inputs", help="Of the requests that are collected."),
    "collect.predictions": Option(label="Collect predictions", help="Of the requests that are collected."),
    "collect.seconds": Option(label="Length of a collected file", unit="s", help="A file is complete after so long."),
    "access_log": Option(
        label="Log every request", group=RECORDS, flag="--access-log",
        help="A line in the log for each: status, time, id.",
    ),
    "compress_answers": Option(
        label="Compress large responses", help="For clients that accept gzip or deflate."
    ),
    "warm_up.body": Option(
        label="Warm-up request", help="A sample request that every process must have answered before it is ready."
    ),
    "warm_up.path": Option(label="Warm-up path", help="Where the sample request goes."),
    "warm_up.runs": Option(label="Warm-up runs", help="How often it is sent."),
}  # fmt: skip


def table_of(config: type, server: Mapping[str, Option] = SERVER) -> tuple[Option, ...]:
    """All options: the fields of `config` that declare one, then the scoring server's."""
    fields = {field.name: field for field in dataclasses.fields(config) if "option" in field.metadata}
    types = {field.name: field for field in msgspec.inspect.type_info(config).fields}  # type: ignore[attr-defined]
    own = [_with_type(field.metadata["option"], (name,), types[name]) for name, field in fields.items()]
    return (*own, *(_with_type(one, ("server", *name.split(".")), _in_contract(name)) for name, one in server.items()))


def _in_contract(name: str) -> Any:
    """The field of `ServerOptions`, or of a part of it, as msgspec describes it."""
    kind: Any = msgspec.inspect.type_info(ServerOptions)
    found: Any = None
    for part in name.split("."):
        found = next(field for field in kind.fields if field.name == part)
        kind = _alone(found.type)
    return found


def _alone(kind: Any) -> Any:
    """`int` for `int | None`."""
    if isinstance(kind, msgspec.inspect.UnionType):
        return next(one for one in kind.types if not isinstance(one, msgspec.inspect.NoneType))
    return kind


def _with_type(one: Option, path: tuple[str, ...], field: Any) -> Option:
    """The option with what its field's type says: kind, range, choices and default."""
    kind = _alone(field.type)
    item = kind.item_type if isinstance(kind, msgspec.inspect.ListType) else kind
    choices = tuple(sorted(map(str, item.values))) if isinstance(item, msgspec.inspect.LiteralType) else ()
    return dataclasses.replace(
        one,
        path=path,
        help=one.help.replace("{choices}", ", ".join(choices)),
        kind=_kind_of(kind),
        low=getattr(kind, "ge", None) if one.low is None else one.low,
        high=getattr(kind, "le", None) if one.high is None else one.high,
        choices=choices,
        default=one.default if field.default is msgspec.NODEFAULT else field.default,
    )


def _kind_of(kind: Any) -> Kind:
    kinds: dict[type, Kind] = {
        msgspec.inspect.BoolType: "switch",
        msgspec.inspect.IntType: "whole",
        msgspec.inspect.FloatType: "number",
        msgspec.inspect.LiteralType: "choice",
        msgspec.inspect.ListType: "words",
    }
    if isinstance(kind, msgspec.inspect.DictType) and isinstance(kind.value_type, msgspec.inspect.StrType):
        return "variables"
    return kinds.get(type(kind), "json")


OPTIONS = table_of(DeploymentConfig)
