"""A client that asks a service again and again, and remembers whether it was ever left without the right answer."""

import threading
from typing import Any, Self

import httpx

PAUSE_SECONDS = 0.05


class Asking:
    """Use as a context manager: asks from the start to the end of the block, each time over a new connection."""

    def __init__(self, url: str, credential: str, rows: Any, expected: Any) -> None:
        self._url, self._rows, self._expected = url, rows, expected
        self._headers = {"Authorization": f"Bearer {credential}"}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self.answered = 0
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._ended.wait(PAUSE_SECONDS):
            try:
                answer = httpx.post(self._url, json=self._rows, headers=self._headers, timeout=30, trust_env=False)
            except httpx.HTTPError as error:
                self.failures.append(repr(error))
                continue
            if answer.status_code == 200 and answer.json() == self._expected:
                self.answered += 1
            else:
                self.failures.append(f"{answer.status_code}: {answer.text[:300]}")
