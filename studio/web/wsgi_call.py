"""Call the WSGI application in a thread and take its answer piece by piece."""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any
from urllib.parse import unquote_to_bytes

PIECE = 256 * 1024  # bytes gathered before they are sent, so that many small pieces cost one turn
Headers = list[tuple[bytes, bytes]]


class Answer:
    """What the application answers. Every method runs in a thread of its pool, never in the event loop.

    `first` is the first part, taken in the same turn: most answers are whole by then, and give back in the thread that
    opened it what they hold of the database.
    """

    def __init__(self, application: Callable[..., Iterable[bytes]], environ: dict[str, Any]) -> None:
        self.is_closed = False
        self.status, self.headers = 500, list[tuple[bytes, bytes]]()
        self._result = application(environ, self._start)
        self._pieces: Iterator[bytes] = iter(self._result)
        self._as_it_comes = (b"content-type", b"text/event-stream") in [
            (name, value.partition(b";")[0]) for name, value in self.headers
        ]
        try:
            self.first = self.next_part()
        except BaseException:
            self.close()
            raise

    def next_part(self) -> tuple[bytes, bool]:
        """The next bytes and whether more may follow; the answer closes itself with the last."""
        parts, size = [], 0
        for piece in self._pieces:
            parts.append(piece)
            size += len(piece)
            if size >= PIECE or self._as_it_comes:
                return b"".join(parts), True
        self.close()
        return b"".join(parts), False

    def close(self) -> None:
        self.is_closed = True
        if close := getattr(self._result, "close", None):
            close()

    def _start(self, status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
        self.status = int(status.split(" ", 1)[0])
        self.headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def environ_of(scope: dict[str, Any], body: IO[bytes], size: int) -> dict[str, Any]:
    """The WSGI environment of an ASGI scope whose body lies in `body`."""
    address, port = scope["server"] or ("", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": address,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": (scope["client"] or ("",))[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        if b"_" in name:  # could pass for a header with hyphens that a proxy sets
            continue
        key, text = name.decode("latin-1").upper().replace("-", "_"), value.decode("latin-1")
        key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        joint = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{joint}{text}" if key in environ else text
    environ.pop("HTTP_CONTENT_LENGTH", None)
    if size or scope["method"] not in {"GET", "HEAD"}:
        environ["CONTENT_LENGTH"] = str(size)  # of what arrived: a body in chunks announces none
    return environ
