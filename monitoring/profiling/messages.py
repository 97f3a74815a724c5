"""What the load generator is told and what it tells: JSON lines on its standard input and output.

The first line in is a `Plan`; a line `stop` ends the run early. Lines out are `Second`, `Repeat` and, at the end, at
most one `Failed`; each has its `kind`. Histograms are those of `latencies`: of microseconds, sparse, bucket to count.
"""

from typing import Literal

import msgspec

Histogram = dict[str, int]
MIB = 1024**2


class Inline(msgspec.Struct, frozen=True, kw_only=True, tag_field="from", tag="inline", forbid_unknown_fields=True):
    """Bodies that stand in the plan itself, as text."""

    texts: list[str]


class File(msgspec.Struct, frozen=True, kw_only=True, tag_field="from", tag="file", forbid_unknown_fields=True):
    """Bodies from a file or folder.

    `lines`: one JSON document a line. `csv`: `column` of a table with a heading, which may be left out where there is
    only one (Azure's `input_dataset`). `folder`: each file is a body, in the order of their names. `whole`: one body.
    """

    path: str
    layout: Literal["lines", "csv", "folder", "whole"] = "lines"
    column: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run against one address: a warm-up that is not counted, then repeats that follow each other without a pause.

    Exactly one of `connections` (closed loop: each asks again as soon as it has its answer) and `rate` (open loop: so
    many requests a second come whatever the answers, and latency counts from the intended moment).
    """

    address: str  # http:// or https:// with host, port and path, or unix:/path/of/socket:/path/of/request
    bodies: Inline | File
    more_addresses: list[str] = []  # of further replicas: each request goes to the one with the fewest under way
    method: Literal["POST", "PUT", "GET"] = "POST"
    headers: dict[str, str] = {}
    connections: int | None = None
    rate: float | None = None
    arrivals: Literal["constant", "poisson"] = "constant"
    warm_up_seconds: float = 1.0
    repeat_seconds: float = 5.0
    repeat_requests: int | None = None  # a repeat ends after so many requests, at the latest after `repeat_seconds`
    repeats: int = 1
    order: Literal["in turn", "random"] = "in turn"  # of the bodies
    seed: int = 0  # of random order and Poisson arrivals
    timeout_seconds: float = 10.0  # for one request, connecting included
    most_connections: int = 4096  # of an open loop; a turn beyond them counts as failed
    largest_body_bytes: int = 100 * MIB
    largest_answer_bytes: int = 100 * MIB
    answer: Literal["any", "json"] = "any"  # json: another content type, or text that is no JSON, counts as failed
    ca_file: str = ""  # whom to trust for https; the system's authorities without one
    watch: list[int] = []  # processes that are measured: their waiting for a core makes a repeat noisy


class Noise(msgspec.Struct, kw_only=True):
    """What else the machine did meanwhile. Shares are of 1; `reason` is empty where the repeat may be used."""

    waited: float = 0.0  # by watched processes, for a core: of wall clock times their threads that ran
    throttled: float = 0.0  # share of their quota's periods in which they were held up
    others: float = 0.0  # CPU of neither them nor the generator, of the whole machine
    steal: float = 0.0  # taken by the host of a virtual machine
    reason: str = ""


class Second(msgspec.Struct, kw_only=True, tag_field="kind", tag="second"):
    """About a second, for live charts. `at` is epoch seconds, latencies are milliseconds, None without any."""

    at: float
    seconds: float
    phase: Literal["warm-up", "measured"]
    answered: int
    failed: int
    p50: float | None
    p99: float | None


class Repeat(msgspec.Struct, kw_only=True, tag_field="kind", tag="repeat"):
    """What was counted in one repeat.

    `latency` has the answers with a 2xx status and right content alone. `errors` are by kind: `connect`, `timeout`,
    `closed` (the connection ended before the answer), `protocol` (no HTTP), `status 4xx` and the like, `content`,
    `too_large`, `connections` (there were none left). `lag`: how late the generator itself was.
    """

    number: int  # from 0
    began: float  # epoch seconds
    seconds: float
    sent: int
    answered: int
    statuses: dict[str, int]
    errors: dict[str, int]
    latency: Histogram
    lag: Histogram
    cpu: float  # cores that the generator used
    watched_cpu: float  # and the watched processes
    noise: Noise
    examples: dict[str, str] = {}  # of each kind of error, the beginning of one


class Failed(msgspec.Struct, kw_only=True, tag_field="kind", tag="failed"):
    """Why there is nothing more to come."""

    code: str
    message: str
    hint: str = ""
    example: str = ""


Message = Second | Repeat | Failed
