"""Pools of threads (bulkheads), so that work that holds a thread for long only waits for its own kind."""

import asyncio
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Rule(NamedTuple):
    """Requests whose "METHOD /path" matches `pattern` share `threads`; more than `waiting` others are refused."""

    name: str
    pattern: str
    threads: int
    waiting: int


class Pool:
    def __init__(self, rule: Rule) -> None:
        self.matches = re.compile(rule.pattern).search
        self._executor = ThreadPoolExecutor(rule.threads, thread_name_prefix=rule.name)
        self._most = rule.threads + rule.waiting
        self._inside = 0

    def enter(self) -> bool:
        """Take a place for a request; False when as many as may wait do."""
        if self._inside >= self._most:
            return False
        self._inside += 1
        return True

    def leave(self) -> None:
        self._inside -= 1

    async def run(self, function: Callable[..., T], *args: object) -> T:
        """Run in one of the pool's threads."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, *args)


class Pools:
    """The first rule that matches decides; the last must match everything."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._pools = [Pool(rule) for rule in rules]

    def of(self, method: str, path: str) -> Pool:
        request = f"{method} {path}"
        return next(pool for pool in self._pools if pool.matches(request))
