"""From what run() returned to an answer: JSON, the script's own response, or a stream."""

import inspect
import sys
from typing import Any

from orjson import OPT_NON_STR_KEYS, dumps

from scoring.core.answer import EVENTS, Answer, Result
from scoring.script.coroutines import drawn
from scoring.script.event_stream import events
from scoring.script.plain_json import encode_slowly


def encode(result: Any) -> Result:
    """An answer. Nearly always JSON, which is tried first: what else there is, JSON refuses."""
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
        return Answer(content_type=EVENTS, stream=events(drawn(result)))
    werkzeug: Any = sys.modules.get("werkzeug.wrappers")
    if werkzeug is not None and isinstance(result, werkzeug.Response):
        from scoring.script.raw_http import answer_of  # werkzeug is for scripts that ask for it

        return answer_of(result)
    return encode_slowly(result)
