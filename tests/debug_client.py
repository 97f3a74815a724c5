"""A debugger as editors have one: as much of the Debug Adapter Protocol as it takes to stop at a line and go on."""

import json
import socket
from typing import Any


class DebugClient:
    """Attached to a port of loopback. `stop_at` sets its breakpoint; `wait_until_stopped` gives the stopped frame."""

    def __init__(self, port: int, seconds: float = 60) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self._lines = self._socket.makefile("rb")
        self._sent = 0

    def stop_at(self, path: str, line: int) -> None:
        """Attach, with one breakpoint."""
        self._ask("initialize", adapterID="test", pathFormat="path")
        self._send("attach", justMyCode=False)
        self._read_until("event", "initialized")
        self._ask("setBreakpoints", source={"path": path}, breakpoints=[{"line": line}])
        self._ask("configurationDone")

    def wait_until_stopped(self) -> dict[str, Any]:
        """Name and line of the innermost frame that has stopped, which then goes on."""
        thread = self._read_until("event", "stopped")["body"]["threadId"]
        frame = self._ask("stackTrace", threadId=thread)["body"]["stackFrames"][0]
        self._ask("continue", threadId=thread)
        return {"name": frame["name"], "line": frame["line"]}

    def close(self) -> None:
        self._socket.close()

    def _ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        self._send(command, **arguments)
        return self._read_until("command", command)

    def _send(self, command: str, **arguments: Any) -> None:
        self._sent += 1
        body = json.dumps({"seq": self._sent, "type": "request", "command": command, "arguments": arguments}).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def _read_until(self, key: str, value: str) -> dict[str, Any]:
        while True:
            size = 0
            while head := self._lines.readline().strip():
                if head.lower().startswith(b"content-length"):
                    size = int(head.partition(b":")[2])
            message: dict[str, Any] = json.loads(self._lines.read(size))
            if message.get(key) == value:
                return message
