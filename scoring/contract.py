"""What the studio and the scoring server agree on: files, windows, histogram buckets, reasons of failure.

A *bundle* is a folder that never changes; a *run folder* belongs to one replica.

    bundle/
      bundle.json                 `Bundle`
      models/<name>/<version>/…   the files of every model version
      source/…                    the entry script and its files (kind entry_script)
    run/
      run.json                    `RunSettings`, written by the studio before the start
      keys.json                   `KeysFile`; read again when it changes
      status.json                 `Status`, replaced atomically by the server
      serving                     with `RunSettings.serve_on_request`: answer at the service's address while this exists
      server.log                  everything the server and the script print
      spool/                      windows that the studio has not yet confirmed
      collected/                  data collection, where `RunSettings.collect` asks for it:
        open-<process>.part       being written; only whole lines count
        <UTC time>-<process>-<pid>-<number>.jsonl
                                  complete, never changed, deleted when there is no more room: the oldest first.
                                  Whoever takes the data away may delete them too.

A line of collected data is an object. Of an answered request (status below 400): `id` (its x-request-id), `time`
(ISO 8601, UTC, of the answer), `revision`, `model`, `version`, `address`, `inputs` and `predictions`. What is no JSON,
or larger than 1 MiB, is `inputs_text` or `inputs_base64` instead, with the headers needed to read it in
`inputs_headers`; predictions likewise, and none for answers sent in parts. Of what a script collects itself: `id`,
`time`, `revision` and `script`, the record as scoring/core/collecting.py describes it.

Started as `python -m scoring run/run.json`. With `RunSettings.work` the run folder is two: what the server and the
script write (status.json, spool/, collected/, counters) is in that folder, and the rest stays beside run.json, where
the server only reads. Then it is started with `--console`, and whoever starts it writes what it prints to server.log.

Replicas of one service take turns at its address (`RunSettings.serve_on_request`):

- A replica loads, warms up and answers at an endpoint of its own (`Status.endpoints`). It accepts connections at the
  service's address only while the file `serving` exists in its run folder. It looks once a second, and at once on
  SIGHUP; send that only to a replica whose status.json shows its pid, since a process that has not begun to handle
  signals would end. The contents of the file do not matter, and creating or removing it twice is harmless.
- To move the address: create `serving` for the next replica, wait until its `Status.serving` is true, then remove that
  of the previous one and wait until its `Status.serving` is false and its `Status.connections` are 0. Idle connections
  may stay open: stop the replica when waiting for them has taken long enough.
- The listening socket of the address is shared: each replica takes a duplicate from another one when it starts, through
  the unix socket `RunSettings.handover`, or binds the address when there is no other. So no connection that waits to be
  accepted is lost when a replica stops or dies.
"""

from typing import Annotated, Any, Literal

import msgspec

FORMAT = 1

Reason = Literal[
    "script_missing",  # no such file, or it defines no init() or run()
    "script_invalid",  # it does not parse, or the signature of run() cannot be called
    "import_missing",  # a module that the environment lacks
    "init_failed",  # init() raised
    "model_invalid",  # the runtime cannot load the model file
    "port_taken",
    "out_of_memory",
    "warm_up_failed",  # the service answers its own sample request with an error, late or with other outputs
    "start_timeout",  # not ready before the start deadline
    "worker_crashed",  # a process died again and again (signal, os._exit)
    "internal",
]


class BundledModel(msgspec.Struct, omit_defaults=True):
    """One model version in a bundle. `path` is relative to the bundle; `signature` as the registry keeps it.

    `file`, relative to `path`, is the file that the registry took for the model; None where it is not known.
    `folder` is the name of the folder it was registered from, below which a script finds its files once more.
    `format` is how that file is written, in the words of the inspection, and `framework_version` the version of the
    library that wrote it; both only where a model that is not ONNX is served without code.
    """

    name: str
    version: int
    path: str
    framework: str = "custom"
    signature: dict[str, Any] | None = None
    file: str | None = None
    folder: str = ""
    format: str = ""
    framework_version: str = ""


class Bundle(msgspec.Struct, omit_defaults=True):
    """`bundle.json`."""

    kind: Literal["no_code", "entry_script"]
    models: list[BundledModel]
    entry_script: str | None = None  # relative to source/
    format: int = FORMAT


class Telemetry(msgspec.Struct):
    """Where windows go. `url` is the studio's telemetry address, `token` the service's own. Without `url` they are
    left in spool/, where whoever takes them deletes them."""

    url: str
    token: str
    service: int
    seconds: float = 5.0


class Batching(msgspec.Struct, omit_defaults=True):
    """How requests of a model without code share runs.

    `rows`: the most in a run; None is found out when the model is loaded, 1 turns sharing off. Rows that may
    change each other's answers share no run whatever it says. `delay_seconds`: how long a request may wait for
    company; 0 shares only what waits anyway. `pad`: inputs whose lengths may differ
    within a run, and the value that fills the shorter ones up.
    """

    rows: Annotated[int, msgspec.Meta(ge=1, le=4096)] | None = None
    delay_seconds: Annotated[float, msgspec.Meta(ge=0, le=10)] = 0.0
    pad: dict[str, float] = {}


class Collect(msgspec.Struct, omit_defaults=True):
    """Data collection: which share of the answered requests is kept, and what of them.

    `max_bytes` bounds what lies in run/collected/; the oldest files make room. A file is complete after `seconds`.
    """

    fraction: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    inputs: bool = True
    predictions: bool = True
    max_bytes: Annotated[int, msgspec.Meta(ge=1024)] = 256 * 1024 * 1024
    seconds: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 60.0


SCORING_PATH = "^/(score|invocations|v[12]/models/[!-~]+)$"  # what may be asked for a prediction


class WarmUp(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A sample request that every process must have answered, `runs` times, before it is ready.

    `body`: the JSON value that a client would POST to `path`.
    """

    body: Any
    path: Annotated[str, msgspec.Meta(pattern=SCORING_PATH, max_length=1000)] = "/score"
    runs: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3


class ServerOptions(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What a deployment may choose beyond size and limits; its deployment config has them under "server".

    `connections_limit`: open at once in one process; beyond it idle and dawdling ones make room. `queue_limit`: slow
    runs that may wait in one process, and `queue_wait_seconds` how long; the rest is answered 503.
    """

    connections_limit: Annotated[int, msgspec.Meta(ge=16, le=65_536)] = 1024
    queue_limit: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 128
    queue_wait_seconds: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 10.0
    batching: Batching = msgspec.field(default_factory=Batching)
    providers: list[Literal["cpu", "cuda", "tensorrt", "openvino"]] = []  # of ONNX Runtime, best first; empty: the CPU
    cors_origins: list[str] = []  # pages that may call from a browser, as https://example.com; * for all
    log_format: Literal["text", "json"] = "text"
    access_log: bool = False  # a line in the log for every scoring request
    collect: Collect | None = None
    compress_answers: bool = True  # large ones, for clients that accept gzip or deflate
    warm_up: WarmUp | None = None


class RunSettings(ServerOptions, kw_only=True):
    """`run.json`: everything a replica needs to know."""

    service: str
    workspace: str
    revision: int
    recipe: str  # hash of the revision's recipe, repeated in status.json
    bundle: str  # absolute path
    work: str = ""  # absolute path of the folder that the server writes to; empty: the one of run.json
    host: str = "127.0.0.1"
    port: int = 5001
    grpc_port: int | None = None  # None: no gRPC, and nothing of it is loaded
    socket: str = ""  # absolute path of a unix socket to listen at, in place of host:port; whoever has it, reaches it
    grpc_socket: str = ""  # the same for gRPC, in place of grpc_port; it has one process, whatever `processes` says
    replica: str = "1"
    auth: bool = True
    processes: int | None = None  # None: chosen from the cores
    cpus: float | None = None  # cores the replica may use
    memory_bytes: int | None = None  # resident memory of all its processes together
    max_body_bytes: int = 100 * 1024 * 1024
    scoring_timeout_seconds: float = 60.0
    start_deadline_seconds: float = 300.0
    share_port: bool = False  # let another revision that says so too listen on the same port for a while
    serve_on_request: bool = False  # accept at host:port only while the file `serving` exists in the run folder
    handover: str = ""  # absolute path of the unix socket through which replicas share the address' listening socket
    telemetry: Telemetry | None = None
    debug_port: int | None = None  # of loopback, where a debugger may attach to the one worker
    debug_wait: bool = False  # for a debugger, before the entry script is loaded
    environment: dict[str, str] = {}  # variables to set first, where they are not to be seen on the process' outside


class TokenRules(msgspec.Struct):
    """Which JSON Web Tokens a service takes: signed with HS256 and `secret`, of this `iss` and `aud`."""

    secret: Annotated[str, msgspec.Meta(min_length=32)]  # RFC 7518: as long as the digest, 256 bits
    audience: str
    issuer: str


class KeysFile(msgspec.Struct, omit_defaults=True):
    """`keys.json`: SHA-256 of the keys, hex, primary first. With `tokens`, no key is taken.

    `front`: SHA-256, hex, of the key by which the front shows that it has checked the caller; empty: it cannot.
    """

    digests: list[str]
    tokens: TokenRules | None = None
    front: str = ""


class Failure(msgspec.Struct, omit_defaults=True):
    """Why a replica is not ready: a reason from the list, a sentence, and the raw text behind it.

    `hint` is the next step, where it is better known than the reason tells.
    """

    reason: Reason
    message: str
    evidence: str = ""
    hint: str = ""


class DryRun(msgspec.Struct, omit_defaults=True):
    """What `scoring.process.dry_run` prints: the script did not start (`failure`), or answered with `status`.

    `cut` says that the answer is longer than `body`.
    """

    start_seconds: float
    failure: Failure | None = None
    run_seconds: float = 0.0
    status: int = 0
    content_type: str = ""
    body: str = ""
    cut: bool = False


class Status(msgspec.Struct, omit_defaults=True):
    """`status.json`. `created`: when the process `pid` began, epoch seconds as psutil gives it; later readings of the
    same differ from it by as much as the clock is set in the meantime.

    Only with `serve_on_request`: `endpoints` by protocol, as {"http": "http://127.0.0.1:40123"}, where the replica
    answers whether it serves or not; `serving`, whether it accepts connections at the service's address; `connections`,
    those still open at that address while it does not serve (a gRPC server that finishes its calls counts as one).
    """

    state: Literal["starting", "ready", "failed", "stopping"]
    pid: int
    created: float
    revision: int
    recipe: str
    port: int
    started_at: float  # epoch seconds
    ready_at: float | None = None
    restarts: int = 0  # processes replaced after a crash, since the start
    failure: Failure | None = None
    endpoints: dict[str, str] = {}
    serving: bool = False
    connections: int = 0


SERVING_FILE = "serving"  # in the run folder

# What a request showed; none: nothing was needed, or nothing right was shown.
KEYS = ("none", "primary", "secondary", "token")
COPIES = ("agreed", "disagreed", "failed", "dropped")
PARTS = ("total", "queue", "decode", "infer", "encode")  # of the time that requests take


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A figure that a replica counts.

    A counter has a number for each label, a histogram one for each bucket, a gauge one number. `merge` says how windows
    of one replica make a longer one: counts are added, of gauges the mean over time or the highest is kept; over
    replicas gauges are added. `labels` are all that a counter may have ("" where it has no label), or `pattern` matches
    them. Histograms are of microseconds. `by`: who counts it, replicas or fronts alone.
    """

    name: str
    kind: Literal["counter", "histogram", "gauge"]
    unit: str
    help: str
    merge: Literal["add", "mean", "max"] = "add"
    labels: tuple[str, ...] = ("",)
    pattern: str = ""
    by: Literal["replica", "front"] = "replica"


# Cutting windows, /metrics, ingest, roll-ups and series loop over this table.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(name="codes", kind="counter", unit="requests", pattern="[1-5][0-9][0-9]", help="By HTTP status."),
        Metric(name="keys", kind="counter", unit="requests", labels=KEYS, help="By the key or token that they showed."),
        Metric(name="spent", kind="counter", unit="microseconds", labels=PARTS, help="Time of all requests, by part."),
        Metric(
            name="rows",
            kind="counter",
            unit="requests",
            pattern="0|[1-9][0-9]{0,3}",
            help="By the rows of their run (256 stands for more); 1 where runs are not shared.",
        ),
        Metric(name="latency", kind="histogram", unit="microseconds", help="From the last byte in to the answer."),
        Metric(name="queue", kind="histogram", unit="microseconds", help="Waiting for a run to start."),
        Metric(name="infer", kind="histogram", unit="microseconds", help="The run, of what reached the model."),
        Metric(
            name="events",
            kind="counter",
            unit="requests",
            pattern="[A-Za-z0-9._-]{1,63}",
            help="By the events that the entry script noted of them.",
        ),
        Metric(
            name="copies",
            kind="counter",
            unit="requests",
            labels=COPIES,
            by="front",
            help="Copies of requests: the answer agreed with the caller's or not, there was none, or it was not sent.",
        ),
        Metric(
            name="copy_time",
            kind="counter",
            unit="microseconds",
            labels=("caller", "copy"),
            by="front",
            help="Time at replicas of all copies that were answered, and of the requests that they are copies of.",
        ),
        Metric(
            name="distances",
            kind="counter",
            unit="answers",
            pattern="(0|[1-9]e[+-][0-9]{2,3}) [^\\x00-\\x1f\\x7f]{1,64}",
            by="front",
            help="Answers to copies, by the largest difference of an output's numbers, rounded up to one digit, and "
            "the output's name.",
        ),
        Metric(name="cpu", kind="gauge", unit="cores", merge="mean", help="Cores used on average."),
        Metric(name="memory", kind="gauge", unit="bytes", merge="max", help="Resident memory of all processes."),
    )
}


class Window(msgspec.Struct, omit_defaults=True):
    """What a replica counted from `start` (epoch seconds) for `seconds`; `METRICS` says what is in the maps.

    `counters`: name to label to count. `histograms`: name to sparse histogram, bucket index to count. `gauges`: name to
    value. Zeros and what is empty are left out. (`replica`, `sequence`) is given once, so that a repeated push counts
    once.
    """

    revision: int
    replica: str
    sequence: int
    start: float
    seconds: float
    counters: dict[str, dict[str, int]] = {}
    histograms: dict[str, dict[str, int]] = {}
    gauges: dict[str, int | float] = {}


class Push(msgspec.Struct):
    """Body of a telemetry push; answered with 202."""

    service: int
    windows: list[Window]


# Histogram buckets: microseconds, 16 linear steps in every power of two, so that no value is more than
# 6.25 % below its bucket's upper bound (the layout of HdrHistogram with its lowest useful precision).
SUB_BITS = 4
SUB = 1 << SUB_BITS
MAX_MICROSECONDS = (1 << 32) - 1  # 71 minutes
BUCKETS = (32 - SUB_BITS) * SUB + SUB


def bucket_of(microseconds: int) -> int:
    """Index of the bucket that holds a duration."""
    if microseconds < SUB:
        return microseconds if microseconds > 0 else 0
    shift = min(microseconds, MAX_MICROSECONDS).bit_length() - SUB_BITS - 1
    return (shift << SUB_BITS) + (min(microseconds, MAX_MICROSECONDS) >> shift)


SMALL_BUCKETS = tuple(bucket_of(value) for value in range(4096))  # most requests take less: a look-up is quicker


def upper_bound(bucket: int) -> int:
    """Largest duration of a bucket, in microseconds."""
    if bucket < SUB:
        return bucket
    shift = (bucket >> SUB_BITS) - 1
    return ((bucket - (shift << SUB_BITS) + 1) << shift) - 1
