"""Work that an engine does and reports on as it goes: builds, pulls, pushes, loads. Followed line by line, cancelled by
hanging up. The engine answers with 200 before it begins, so what failed stands in the events."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from docker.errors import APIError
from docker.types import CancellableStream

from deployments.builds.images.programs import pass_on, watched
from deployments.engines import EngineAddress, EngineClient, naming_problems
from registry.environments.uv import Limits, Outcome
from studio.core.tee import Log

Event = Mapping[str, Any]
Start = Callable[[EngineClient], Iterable[Event]]


class _FollowedClient(EngineClient):
    """Keeps the answer that it reads progress from, so that it can be cancelled."""

    answer: Any = None

    def send(self, request: Any, **options: Any) -> Any:
        self.answer = super().send(request, **options)
        return self.answer

    def hang_up(self) -> None:
        """The engine ends the work and removes what it had made of it."""
        with suppress(Exception):
            CancellableStream(iter(()), self.answer).close()


def follow(address: EngineAddress, start: Start, log: Log, limits: Limits, seen: list[Event] | None = None) -> Outcome:
    """Do what `start` begins, with a client of its own. Events without text (`aux`) are added to `seen`. Raises
    `EngineProblem` when the engine is lost on the way."""
    client = _FollowedClient(address)
    errors: list[str] = []
    try:
        with watched(limits, client.hang_up) as watch:
            output = pass_on(_lines(client, start, errors, lambda: watch.ended or limits.cancelled(), seen), log)
            if limits.cancelled():
                watch.ended = watch.ended or "cancelled"
    finally:
        client.close()
    return Outcome(1 if errors or watch.ended else 0, output, watch.ended)


def _lines(
    client: EngineClient, start: Start, errors: list[str], ended: Callable[[], Any], seen: list[Event] | None
) -> Iterator[str]:
    try:
        with naming_problems(client.address):
            for event in start(client):
                if "aux" in event and seen is not None:
                    seen.append(event["aux"])
                if "error" in event:
                    errors.append(str(event["error"]))
                yield _text_of(event)
    except APIError as error:  # before it began: a Dockerfile that cannot be read, say
        errors.append(str(error.explanation or error))
        yield errors[-1]
    except Exception:
        if not ended():  # else hung up: whatever was being read has ended
            raise


def _text_of(event: Event) -> str:
    """A line; nothing for the many that only tell how far something has come."""
    if event.get("progressDetail"):
        return ""
    text = event.get("error") or event.get("stream") or event.get("status") or ""
    return f"{event['id']}: {text}" if "id" in event and "status" in event else str(text)
