"""A stand-in for the scoring server that starts in a moment and misbehaves as the variable BEHAVIOUR says.

Standard library only, but for the time of its start; writes the same status.json. It answers at an endpoint of its own,
and at the service's address while the file `serving` exists.
"""

import http.server
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

run = json.loads(Path(sys.argv[1]).read_bytes())
control = Path(sys.argv[1]).parent
folder = Path(run.get("work") or control)
behaviour = os.environ.get("BEHAVIOUR", "good")


def created() -> float:
    """As psutil gives it: seconds since boot from /proc, on the clock of boot time."""
    import psutil

    return psutil.Process().create_time()


facts = {
    "state": "starting",
    "pid": os.getpid(),
    "created": created(),
    "revision": run["revision"],
    "recipe": run["recipe"],
    "port": run["port"],
    "started_at": time.time(),
}


def tell(**changes) -> None:
    facts.update(changes)
    scratch = folder / "status.new"
    scratch.write_text(json.dumps(facts))
    scratch.replace(folder / "status.json")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        told = {"revision": run["revision"], "environment": dict(os.environ), "path": sys.path, "cwd": os.getcwd()}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_port = True  # the next revision binds the same address

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler, bind_and_activate=False)
        self.server_bind()  # from now on others find it taken; what connects is refused


def answer_while_asked(port: int, held: Server) -> None:
    """Listen at the service's address while the file `serving` exists."""
    serving = folder if behaviour == "always" else control / "serving"  # as version 0.1.0, or on request
    while True:
        if serving.exists():
            held.server_activate()
            thread = threading.Thread(target=held.serve_forever, args=(0.02,))
            thread.start()
            tell(serving=True)
            while serving.exists():
                time.sleep(0.02)
            held.shutdown()
            thread.join()
            held.server_close()
            tell(serving=False)
            held = Server(port)
        time.sleep(0.02)


def fail(reason: str, message: str) -> None:
    tell(state="failed", failure={"reason": reason, "message": message, "evidence": "Traceback …"})
    sys.exit(1)


signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # the first process of a namespace ignores it otherwise
sys.stderr.write("the stand-in begins\n")
if behaviour == "exits":
    sys.exit(3)
if behaviour == "segv":
    os.kill(os.getpid(), signal.SIGSEGV)
if behaviour == "silent":
    time.sleep(600)
tell()
if behaviour == "failing":
    fail("init_failed", "init() raised KeyError: 'weights'")
if behaviour == "never":
    time.sleep(600)
if behaviour == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, lambda *_: None)
own = Server(0)
own.server_activate()
try:
    address = Server(run["port"])
except OSError:
    fail("port_taken", f"Port {run['port']} is taken.")
if behaviour == "detaching" and os.fork() == 0:  # a process of the script that means to outlive the server
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", ["sleep", os.environ["MARK"]])
    os._exit(0)
tell(state="ready", ready_at=time.time(), endpoints={"http": f"http://127.0.0.1:{own.server_address[1]}"})
threading.Thread(target=answer_while_asked, args=(run["port"], address), daemon=True).start()
own.serve_forever(0.05)
