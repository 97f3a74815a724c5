"""Flags for the options of a deployment config. Written by `python manage.py write_option_tables`: do not edit."""
# ruff: noqa: E501

from slipway.commands.flags import Flag

FLAGS = (
    Flag(
        path=("cpu",),
        flags=("--cpu", "--cpu-cores", "--cc"),
        type=float,
        help="CPU in cores. What the model asks for, else 1.",
    ),
    Flag(
        path=("memory_gb",),
        flags=("--memory-gb", "--memory", "--gb"),
        type=float,
        help="Memory in GB. What the model asks for, else 1.",
    ),
    Flag(
        path=("processes",),
        flags=("--processes",),
        type=int,
        help="Processes. Each loads the model. By default chosen from the cores.",
    ),
    Flag(
        path=("start_deadline_seconds",),
        flags=("--start-deadline",),
        type=int,
        help="Start deadline in seconds. Not ready by then counts as failed. Default 300.",
    ),
    Flag(
        path=("scoring_timeout_seconds",),
        flags=("--scoring-timeout",),
        type=float,
        help="Scoring timeout in seconds. A request that takes longer gets an error. Default 60.",
    ),
    Flag(
        path=("max_body_mb",),
        flags=("--max-body",),
        type=int,
        help="Largest request in MB. Larger ones are refused. Default 100.",
    ),
    Flag(
        path=("auth",),
        flags=("--auth/--no-auth",),
        type=bool,
        help="Calls need a key. Off: anyone who can reach the service may call it.",
    ),
    Flag(
        path=("token_auth",),
        flags=("--token-auth",),
        type=bool,
        help="Calls need a token. It expires, and takes the place of keys.",
    ),
    Flag(
        path=("grpc",),
        flags=("--grpc/--no-grpc",),
        type=bool,
        help="Answer over gRPC too. On a second port, which the service keeps. For models without an inference config.",
    ),
    Flag(
        path=("network",),
        flags=("--network",),
        type=str,
        help="Network. With none its code answers requests and connects to nobody; targets that cannot hold that refuse it. One of full, none. Default full.",
    ),
    Flag(
        path=("environment_variables",),
        flags=("--env",),
        type=list[str],
        help="Environment variables. The process sees them; viewers do not see the values. NAME=value; may be repeated.",
    ),
    Flag(
        path=("server", "cors_origins"),
        flags=("--cors-origin",),
        type=list[str],
        help="Allowed origins (CORS). Web pages that may call from a browser; * for all. None by default. May be repeated.",
    ),
    Flag(
        path=("server", "batching", "rows"),
        flags=("--batch-rows",),
        type=int,
        help="Largest batch in rows. Waiting requests share a run; 1 turns that off. By default measured at the start.",
    ),
    Flag(
        path=("server", "batching", "delay_seconds"),
        flags=("--batch-delay",),
        type=float,
        help="Batching delay in milliseconds. How long a request may wait for others to share its run.",
        scale=0.001,
    ),
    Flag(
        path=("server", "providers"),
        flags=("--provider",),
        type=list[str],
        help="Execution providers. Of ONNX Runtime, best first: cpu, cuda, openvino, tensorrt. By default cpu. May be repeated.",
    ),
    Flag(
        path=("server", "queue_limit"),
        flags=("--queue-limit",),
        type=int,
        help="Queue limit in requests. Slow ones that may wait, per process. Default 128.",
    ),
    Flag(
        path=("server", "queue_wait_seconds"),
        flags=("--queue-wait",),
        type=float,
        help="Longest queue wait in seconds. Then the answer is 503. Default 10.",
    ),
    Flag(
        path=("server", "connections_limit"),
        flags=("--connections-limit",),
        type=int,
        help="Connections limit. Open at once, per process. Default 1024.",
    ),
    Flag(
        path=("server", "log_format"),
        flags=("--log-format",),
        type=str,
        help="Log format. Of every line. One of json, text. Default text.",
    ),
    Flag(
        path=("server", "collect", "fraction"),
        flags=("--collect-percent",),
        type=float,
        help="Requests collected in %. The share whose inputs and predictions are kept. None by default.",
        scale=0.01,
    ),
    Flag(
        path=("server", "collect", "max_bytes"),
        flags=("--collect-mb",),
        type=int,
        help="Room for collected in MB. The oldest make room. Default 256.",
        scale=1048576,
    ),
    Flag(
        path=("server", "access_log"),
        flags=("--access-log",),
        type=bool,
        help="Log every request. A line in the log for each: status, time, id.",
    ),
)
