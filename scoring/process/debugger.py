"""A port of loopback where a debugger (debugpy, the protocol of VS Code) attaches to the worker.

While one revision takes over from another, the port is still that of the one before: it is taken as soon as that ends.
"""

import errno
import os
import socket
import threading
import time

from scoring.contract import RunSettings
from scoring.core.log import log

HOST = "127.0.0.1"
RETRY_SECONDS = 0.3


def open_debugger(run: RunSettings, source: str) -> None:
    """Listen where the settings ask for it, and wait for a debugger if they ask for that too. `source`: the folder of
    the script, which the debugger must know."""
    if run.debug_port is None:
        return
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # a warning about frozen modules, which are not ours
    if _is_free(run.debug_port):
        _listen(run.debug_port, source)
        if run.debug_wait:
            _wait()
    else:
        log(f"debugger: port {run.debug_port} is taken, perhaps by the revision before; it waits until it is free")
        threading.Thread(target=_listen_later, args=(run.debug_port, source), daemon=True).start()


def _listen_later(port: int, source: str) -> None:
    while not _is_free(port):
        time.sleep(RETRY_SECONDS)
    _listen(port, source)


def _listen(port: int, source: str) -> None:
    try:
        import debugpy  # only here: it is there for those who ask
    except ImportError:
        log("debugger: debugpy is not installed here", "E")
        return
    # In this process: walls would keep an adapter of its own from the ports that it needs.
    debugpy.listen((HOST, port), in_process_debug_adapter=True)
    log(f"debugger: listening at {HOST}:{port}; the script lies in {source} (remoteRoot)")


def _wait() -> None:
    import debugpy

    log("debugger: waiting for it before the script is loaded")
    debugpy.wait_for_client()
    log("debugger: attached")


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((HOST, port))
            tried.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True
