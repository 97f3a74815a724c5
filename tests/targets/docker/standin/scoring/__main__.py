"""A stand-in for the scoring server in a container, which misbehaves as the variable BEHAVIOUR of its settings says.

Standard library only. It listens at the unix socket that its settings name, or at host and port.
"""

import contextlib
import http.server
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

run = json.loads(Path(sys.argv[1]).read_bytes())
control, folder = Path(sys.argv[1]).parent, Path(run["work"])
os.environ.update(run.get("environment", {}))
behaviour = os.environ.get("BEHAVIOUR", "good")
facts = {
    "state": "starting",
    "pid": os.getpid(),
    "created": 0.0,
    "revision": run["revision"],
    "recipe": run["recipe"],
    "port": run.get("port", 5001),
    "started_at": time.time(),
}


def tell(**changes) -> None:
    facts.update(changes)
    scratch = folder / "status.new"
    scratch.write_text(json.dumps(facts))
    scratch.replace(folder / "status.json")


def reaches(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def told() -> dict:
    """What the container looks like from inside."""
    tried = os.environ.get("TRY", "")
    host, _, port = tried.rpartition(":")
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return {
        "revision": run["revision"],
        "keys": json.loads((control / "keys.json").read_bytes())["digests"],
        "uid": os.getuid(),
        "capabilities": status["CapEff"],
        "no_new_privileges": status["NoNewPrivs"],
        "writable": [place for place in ("/", "/opt", "/tmp", str(control), str(folder)) if os.access(place, os.W_OK)],
        "environment": dict(os.environ),
        "reached": reaches(host, int(port)) if tried else None,
        "interfaces": [name for _, name in socket.if_nameindex()],
        "files": [path for path in os.environ.get("LOOK_FOR", "").split(",") if path and os.path.exists(path)],
    }


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/hang":
            time.sleep(600)
        body = json.dumps(told()).encode() if self.path == "/told" else b"Healthy"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, *_) -> None:
        pass


class UnixServer(http.server.ThreadingHTTPServer):
    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        Path(self.server_address).unlink(missing_ok=True)
        self.socket.bind(self.server_address)

    def get_request(self):
        return self.socket.accept()[0], ("", 0)


def eat_memory() -> None:
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1 << 22)))


signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
sys.stderr.write("the stand-in begins\n")
if behaviour == "exits":
    sys.exit(7)
if behaviour == "segv":
    os.kill(os.getpid(), signal.SIGSEGV)
if behaviour == "silent":
    time.sleep(600)
tell()
if behaviour == "failing":
    tell(state="failed", failure={"reason": "init_failed", "message": "init() raised KeyError", "evidence": "Trace …"})
    sys.exit(3)
if behaviour == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if run.get("socket"):
    server = UnixServer(run["socket"], Handler)
else:
    server = http.server.ThreadingHTTPServer((run.get("host", "127.0.0.1"), run.get("port", 5001)), Handler)
(folder / "spool").mkdir(exist_ok=True)
for number in range(3):
    (folder / "spool" / f"{number:016}.json").write_text(json.dumps({"window": number}))
(folder / "spool" / "other.json").write_text("no window")
tell(state="ready", ready_at=time.time())
if behaviour == "hungry":
    eat_memory()
server.serve_forever(0.05)
