"""From what run() returned to a response: JSON, the script's own response, or a stream."""

import inspect
import sys
from typing import Any

from orjson import OPT_NON_STR_KEYS, dumps

from scoring.core.answer import EVENTS, Answer, Result
from scoring.script.coroutines import iterate
from scoring.script.event_stream import events
from scoring.script.plain_json import encode_leniently


def encode(result: Any) -> Result:
    """A response. Nearly always JSON, which is tried first: the encoder refuses everything else."""
    if result is None:
        return b"{}"
    try:
        return dumps(result, option=OPT_NON_STR_KEYS)
    except (TypeError, RecursionError):
        return _other(result)


def _other(result: Any) -> Result:
    if inspect.isgenerator(result):
        return Answer(content_type=EVENTS, stream=events(result))
    if inspect.isasyncgen(result):
        return Answer(content_type=EVENTS, stream=events(iterate(result)))
    werkzeug: Any = sys.modules.get("werkzeug.wrappers")
    if werkzeug is not None and isinstance(result, werkzeug.Response):
        from scoring.script.raw_http import answer_of  # only scripts that use it need werkzeug

        return answer_of(result)
    return encode_leniently(result)
