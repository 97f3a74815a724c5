"""README.md is true: its tour runs word for word, and what it and the other documents link to is there."""

import os
import re
import select
import subprocess
import sys
import time

import pytest

from tests.stack import ROOT

pytestmark = pytest.mark.stack

ADDRESS = "http://127.0.0.1:8000"
TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("samples/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
SECONDS = 240


def tour() -> str:
    [block] = re.findall(r"^```sh tour\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert block.count(ADDRESS) == 1
    return block


class Terminal:
    """A person at a real terminal: reads what comes, and types an answer when asked."""

    def __init__(self, command: list[str], environ: dict[str, str]) -> None:
        self.seen = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", TERMINAL, *command],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def read_until(self, text: str) -> None:
        """Read on until `text` has come, or all has."""
        deadline = time.monotonic() + SECONDS
        while text not in self.seen or not text:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"nothing more within {SECONDS} s:\n{self.seen}"
            if not (part := os.read(self.process.stdout.fileno(), 65536)):
                break
            self.seen += part.decode(errors="replace").replace("\r", "")

    def type(self, line: str) -> None:
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def end(self) -> int:
        self.read_until("")
        with self.process:
            return self.process.wait(10)


@pytest.fixture
def environ(tmp_path):
    """A person's own, with an empty home folder of settings; plain output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SLIPWAY_")}
    return kept | {"XDG_CONFIG_HOME": str(tmp_path), "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"}


def test_tour_of_the_readme_runs_unchanged(stack, environ, tmp_path):
    script = tmp_path / "tour.sh"
    script.write_text(tour().replace(ADDRESS, stack.address))

    terminal = Terminal(["bash", "-ev", str(script)], environ)
    terminal.read_until("Password")
    terminal.type(stack.password)
    code = terminal.end()

    assert code == 0, terminal.seen
    said = answers(terminal.seen)
    assert f"Signed in to {stack.address} as admin" in said["login"]
    assert "my-digits:1" in said["model register -n my-digits"]
    assert "my-digits" in said["model list"]
    assert "Healthy" in said["service deploy -n my-digits"]
    assert '"label"' in said["service score my-digits"]
    assert "ready on 127.0.0.1" in said["service logs my-digits"]
    assert {"primary", "secondary"} <= set(said["service keys my-digits"].split())
    assert "my-digits is Healthy" in said["service start my-digits"]
    assert "Deleted my-digits" in said["service delete my-digits"]
    assert "Healthy" in said["service deploy -n my-wine"]
    assert '"growers"' in said["service score my-wine"]
    assert stack.password not in terminal.seen


def answers(seen: str) -> dict[str, str]:
    """What came after each command, by the command's first words; `bash -v` shows every line before it runs."""
    parts = re.split(r"^slipway (.*)\n", seen, flags=re.MULTILINE)
    found = {}
    for command, answer in zip(parts[1::2], parts[2::2], strict=True):
        words = command.split()
        kept = 4 if "-n" in words[:4] else 3
        found[" ".join(words[:kept])] = answer
        found.setdefault(" ".join(words[:2]), answer)
        found.setdefault(words[0], answer)
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_linked_files_exist(document):
    links = [
        link
        for link in LINK.findall(document.read_text())
        if "://" not in link and not link.startswith(("#", "mailto:"))
    ]
    missing = [link for link in links if not (document.parent / link.split("#")[0]).exists()]

    assert missing == []


def test_make_targets_in_the_documents_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {
        name for path in DOCUMENTS for name in re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", path.read_text(), re.M)
    }

    assert {name for pair in named for name in pair if name} <= targets
