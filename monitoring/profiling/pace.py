"""Waking an event loop at a moment, to some tens of microseconds.

uvloop's timers have a resolution of a millisecond, which is longer than a small model takes. Linux has timers that are
files; Python offers them from 3.13 on, before that through the C library. Elsewhere the loop's own timers are used.
"""

import asyncio
import ctypes
import os
import struct
import sys
import time
from collections.abc import Callable

TFD_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
TFD_TIMER_ABSTIME = 1
PR_SET_TIMERSLACK = 29
CLOCK = time.CLOCK_MONOTONIC


class Alarm:
    """Calls `ring` once, soon after the moment that `set` was given last; moments are those of `time.monotonic_ns`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop, self._ring = loop, ring
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        self._file = -1
        self._handle: asyncio.TimerHandle | None = None
        if self._libc:
            self._libc.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)  # nanosecond: the kernel gathers no wake-ups of ours
            self._file = self._libc.timerfd_create(CLOCK, TFD_FLAGS)
            if self._file >= 0:
                loop.add_reader(self._file, self._fired)

    def set(self, moment: int) -> None:
        """Instead of any moment set before; one that has passed rings at once."""
        if self._file < 0 or self._libc is None:
            self.clear()
            self._handle = self._loop.call_later(max(moment - time.monotonic_ns(), 0) / 1e9, self._ring)
            return
        wanted = struct.pack("@qqqq", 0, 0, *divmod(max(moment, 1), 1_000_000_000))
        self._libc.timerfd_settime(self._file, TFD_TIMER_ABSTIME, wanted, None)

    def clear(self) -> None:
        """Ring no more."""
        if self._handle:
            self._handle.cancel()
        if self._file >= 0 and self._libc is not None:
            self._libc.timerfd_settime(self._file, 0, struct.pack("@qqqq", 0, 0, 0, 0), None)

    def close(self) -> None:
        """Give the file back."""
        self.clear()
        if self._file >= 0:
            self._loop.remove_reader(self._file)
            os.close(self._file)
            self._file = -1

    def _fired(self) -> None:
        try:
            os.read(self._file, 8)
        except BlockingIOError:
            return  # set anew since it fired
        self._ring()
