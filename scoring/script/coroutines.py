"""`async def` in a script: one event loop for the process, in a thread of its own."""

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import suppress
from typing import Any

_loops: list[asyncio.AbstractEventLoop] = []
_lock = threading.Lock()
_END = object()


def run_coroutine(work: Coroutine[Any, Any, Any], seconds: float | None = None) -> Any:
    """Run a coroutine on the script's loop and wait for it; after `seconds` it is cancelled with TimeoutError."""
    future = asyncio.run_coroutine_threadsafe(work, _loop())
    try:
        return future.result(seconds)
    except concurrent.futures.TimeoutError:
        future.cancel()
        raise


def iterate(source: AsyncIterator[Any]) -> Iterator[Any]:
    """What an asynchronous generator yields, one by one, for a thread that waits for each."""
    try:
        while (value := run_coroutine(_next(source))) is not _END:
            yield value
    finally:
        close = getattr(source, "aclose", None)
        if close is not None:
            run_coroutine(close())


async def _next(source: AsyncIterator[Any]) -> Any:
    return await anext(source, _END)


def _loop() -> asyncio.AbstractEventLoop:
    with _lock:
        if not _loops:
            _loops.append(asyncio.new_event_loop())
            threading.Thread(target=_run_forever, args=[_loops[0]], name="coroutines", daemon=True).start()
    return _loops[0]


def _run_forever(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop again after SystemExit and KeyboardInterrupt, which stop it and belong to one task only."""
    while True:
        with suppress(SystemExit, KeyboardInterrupt):
            loop.run_forever()
