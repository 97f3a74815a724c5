"""How many bytes a browser loads for each page: `python bench/page_bytes.py [--against CHECKOUT]`.

Starts the studio with one service that has answered requests, opens each page in headless Chromium with an empty cache
and adds up what the network carried, headers and all. With `--against` the same is done with the checkout of an older
build, set up by its own `make setup`, and the ratios are printed. Exits with 1 when a page other than Metrics takes
60 kB or more.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import httpx  # noqa: E402
from playwright.sync_api import Browser, sync_playwright  # noqa: E402

from bench.postgres import free_port  # noqa: E402

PASSWORD = "a-bench-password"
METRICS = "services/iris/metrics/"
PAGES = ["", "models/", "models/iris/", "models/iris/1/", "services/", "services/iris/", METRICS, "configs/new/"]
MOST_BYTES = 60_000
PATIENCE_SECONDS = 120.0
REQUESTS = 20  # that the service answers before its page is opened


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--against", type=Path, help="checkout of an older build")
    given = arguments.parse_args()
    now = measure(ROOT)
    before = measure(given.against) if given.against else {}
    for page, size in now.items():
        ratio = f"{before[page]:>12,} {size / before[page]:>6.2f}x" if before.get(page) else ""
        print(f"{page or 'home':<24}{size:>12,} {ratio}")
    large = [page for page, size in now.items() if page != METRICS and size >= MOST_BYTES]
    return 1 if large else 0


def measure(checkout: Path) -> dict[str, int]:
    """Bytes by page of the studio in that checkout."""
    with _studio(checkout) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        return {page: _bytes_of(browser, url, page) for page in PAGES}


def _bytes_of(browser: Browser, url: str, path: str) -> int:
    """A context of its own has an empty cache; what the sign-in page loads into it is thrown away again."""
    page = browser.new_context().new_page()
    page.goto(f"{url}/sign-in/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state("networkidle")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.clearBrowserCache")
    sizes: list[float] = []
    devtools.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(f"{url}/w/default/{path}")
    page.wait_for_load_state("networkidle")
    page.context.close()
    return round(sum(sizes))


@contextmanager
def _studio(checkout: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder:
        port, first = free_port(), 24_000
        own = {"SLIPWAY_DATA": f"{folder}/data", "SLIPWAY_PORT": str(port), "SLIPWAY_ADMIN_PASSWORD": PASSWORD}
        ports = {"SLIPWAY_LOCAL_PORT_FIRST": str(first), "SLIPWAY_LOCAL_PORT_LAST": str(first + 99)}
        kept = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
        environ = kept | own | ports | {"HOME": folder}
        command = [str(checkout / ".venv/bin/python"), "manage.py", "up"]
        studio = subprocess.Popen(
            command, cwd=checkout, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        url = f"http://127.0.0.1:{port}"
        try:
            _wait_until_up(url)
            _serve_iris(checkout, environ, url)
            yield url
        finally:
            _slipway(checkout, environ, "service", "delete", "iris", "--yes", "--wait")
            studio.send_signal(signal.SIGINT)
            studio.wait(60)


def _serve_iris(checkout: Path, environ: dict[str, str], url: str) -> None:
    sample = checkout / "samples" / "iris"
    _slipway(checkout, environ, "login", url, "-u", "admin", "--password-stdin", said=PASSWORD)
    _slipway(checkout, environ, "model", "register", "-n", "iris", "-p", str(sample / "model.onnx"), "--wait")
    _slipway(checkout, environ, "service", "deploy", "-n", "iris", "-m", "iris:1", "--wait")
    for _ in range(REQUESTS):
        _slipway(checkout, environ, "service", "score", "iris", "-d", f"@{sample / 'sample-data.json'}")
    time.sleep(12)  # until the windows have arrived


def _slipway(checkout: Path, environ: dict[str, str], *words: str, said: str = "") -> None:
    command = [str(checkout / ".venv/bin/slipway"), *words]
    subprocess.run(command, cwd=checkout, env=environ, input=said, text=True, check=True, capture_output=True)


def _wait_until_up(url: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise SystemExit("The studio did not come up: run `make run` and read its log.")


if __name__ == "__main__":
    sys.exit(main())
