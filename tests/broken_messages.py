"""Messages in the broker that are not what the studio sends."""

import base64
import json
import uuid

from studio.core.enqueue import RUN_JOB


def message(queue, *, arguments=((), {}, {}), headers=None, properties=None, envelope=None):
    """One of a task that exists, as Celery writes it, except for what is given."""
    whole = {
        "body": base64.b64encode(json.dumps(arguments).encode()).decode(),
        "content-type": "application/json",
        "content-encoding": "utf-8",
        "headers": {"task": "studio.core.tasks.keep_statistics", "id": "an-id", **(headers or {})},
        "properties": {
            "correlation_id": "an-id",
            "delivery_tag": str(uuid.uuid4()),
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "body_encoding": "base64",
            **(properties or {}),
        },
    }
    return json.dumps(whole | (envelope or {}))


def unreadable_messages(queue):
    """By what is wrong with them: a worker drops them and says so."""
    return {
        "bytes": b"\x00\xff\xfe\x80",
        "no bytes": b"",
        "text": "hello",
        "incomplete JSON": message(queue)[:-9],
        "deeply nested JSON": "[" * 100_000,
        "a number": "7",
        "a list": "[]",
        "null": "null",
        "an empty object": "{}",
        "no properties": message(queue, envelope={"properties": None}),
        "a delivery tag of another type": message(queue, properties={"delivery_tag": ["a"]}),
        "no delivery information": message(queue, properties={"delivery_info": {}}),
        "delivery information of another type": message(queue, properties={"delivery_info": 7}),
        "unknown encoding of the body": message(queue, properties={"body_encoding": "rot13"}),
        "a body that is not Base64": message(queue, envelope={"body": "%%%"}),
        "a body of another type": message(queue, envelope={"body": 7}),
        "no body": message(queue, envelope={"body": None}),
        "unknown content type": message(queue, envelope={"content-type": "application/x-unknown"}),
        "pickle": message(
            queue, envelope={"content-type": "application/x-python-serialize", "content-encoding": "binary"}
        ),
        "no content type": message(queue, envelope={"content-type": None}),
        "no headers": message(queue, envelope={"headers": None}),
        "headers of another type": message(queue, envelope={"headers": ["task"]}),
        "no task": message(queue, headers={"task": None}),
        "a task of another type": message(queue, headers={"task": {}}),
        "no id": message(queue, envelope={"headers": {"task": RUN_JOB}}),
        "an id of another type": message(queue, headers={"id": []}),
        "compressed garbage": message(
            queue, headers={"compression": "application/x-gzip"}, envelope={"body": "aGVsbG8="}
        ),
        "an invalid moment": message(queue, headers={"eta": "soon"}),
        "a moment out of range": message(queue, headers={"eta": "0001-01-01T00:00:00+14:00"}),
        "an expiry of another type": message(queue, headers={"expires": 5}),
        "no arguments": message(queue, arguments=[]),
        "arguments of another type": message(queue, arguments=[7, 7, 7]),
        "the first version of the protocol": message(
            queue, arguments={"task": RUN_JOB, "id": "1"}, envelope={"headers": {}}
        ),
    }


def failing_messages(queue):
    """Those that can be read. Their tasks fail, or run and ignore what is wrong."""
    return {
        "unknown content encoding": message(queue, envelope={"content-encoding": "utf-99"}),
        "unknown task": message(queue, headers={"task": "no.such.task"}),
        "a job that does not exist": message(queue, headers={"task": RUN_JOB}, arguments=[["inspection", 0], {}, {}]),
        "a kind of job that does not exist": message(
            queue, headers={"task": RUN_JOB}, arguments=[["dance", 1], {}, {}]
        ),
        "arguments that the task lacks": message(queue, arguments=[[1, 2, 3], {"four": 5}, {}]),
        "time limits of another type": message(queue, headers={"timelimit": ["a", "b", "c"]}),
        "stamps of another type": message(queue, headers={"stamped_headers": 7}),
        "retries of another type": message(queue, headers={"retries": "x"}),
        "following tasks of another type": message(queue, arguments=[[], {}, {"chain": 7, "callbacks": 7, "chord": 7}]),
    }
