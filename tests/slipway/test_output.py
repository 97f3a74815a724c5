"""Output that cannot show every letter, readers that go away, and Ctrl-C: run as processes, as people run it."""

import io
import json
import os
import subprocess
import sys

import pytest

from slipway import output, progress

LETTERS = "你好 ü →"
PRINTS = f"""
import sys
from slipway import cli, output
from slipway.columns import Column
from slipway.errors import SlipwayError
def run(given, **_):
    output.choose("json" if "--json" in given else "")
    print({LETTERS!r})
    rows = [{{"text": {LETTERS!r}}}]
    output.rows(rows, [Column("name", "text")])
    output.note({LETTERS!r})
    raise SlipwayError({LETTERS!r}, hint={LETTERS!r})
cli.app = run
cli.main(sys.argv[1:])
"""


def run(code, *arguments, encoding="utf-8"):
    environ = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, env=environ, check=False)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1"])
def test_letters_that_the_output_cannot_show_become_question_marks(encoding):
    done = run(PRINTS, encoding=encoding)
    shown = LETTERS.encode(encoding, "replace").decode(encoding)
    assert done.stdout.decode(encoding).splitlines() == [shown, "NAME", shown]
    assert done.stderr.decode(encoding).splitlines() == [shown, f"Error: {shown}", f"Hint: {shown}"]
    assert done.returncode == 1


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_json_is_escaped_where_output_is_not_utf_8(encoding):
    written = run(PRINTS, "--json", encoding=encoding).stdout.split(b"\n", 1)[1].decode("ascii")
    first, end = json.JSONDecoder().raw_decode(written)
    assert first == [{"text": LETTERS}]
    assert json.loads(written[end:])["error"]["message"] == LETTERS


def test_json_with_half_a_surrogate_pair_is_escaped(capsys):
    output.print_document({"text": "\ud800 ü"})
    assert json.loads(capsys.readouterr().out) == {"text": "\ud800 ü"}


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
@pytest.mark.parametrize("arguments", [["login", "--help"], ["model", "register", "--help"], ["no-such-thing"]])
def test_help_and_wrong_use_need_no_utf_8(encoding, arguments):
    environ = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-m", "slipway", *arguments], capture_output=True, env=environ, check=False)
    assert done.returncode == (2 if arguments == ["no-such-thing"] else 0)
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("lines", [1, 100_000])
def test_closed_pipe_is_no_error(lines):
    code = f"from slipway import cli\ncli.app = lambda given, **_: [print('row') for _ in range({lines})]\ncli.main([])"
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as pipe:
        done = subprocess.run([sys.executable, "-c", code], stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert done.stderr == b""


def test_ctrl_c_ends_with_130_and_a_line(slipway, signed_in, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(signed_in, "on_models", interrupt)
    answer = slipway("model", "list", "--json")
    assert (answer.code, answer.err) == (130, "Interrupted.\n")
    assert json.loads(answer.out)["error"]["code"] == "interrupted"


def test_markup_in_values_is_printed_literally(slipway, registered, model):
    slipway("model", "register", "-n", "marked", "-p", model, "--tag", "a=[bold]", "--description", "[x] :smile:")
    shown = slipway("model", "show", "marked").out
    assert "a=[bold]" in shown
    assert "[x] :smile:" in shown


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def narrow(monkeypatch):
    """`narrow()` makes standard error a terminal of 30 columns; pytest's capture would replace it before the test."""
    for name in ("NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "30")

    def make():
        monkeypatch.setattr(sys, "stderr", Terminal())
        return sys.stderr

    return make


def test_spinner_stays_on_one_line_and_prints_markup_literally(narrow):
    terminal = narrow()
    with progress.spinner("[/x] :smile: a-name-that-is-long") as report:
        report("Transitioning")
    shown = terminal.getvalue()
    assert "[/x] :smile: a-name-that-" in shown
    assert "…" not in shown
    assert shown.count("\n") <= 1


def test_note_above_progress_bar_is_not_cut(narrow):
    text = "Going on with [/x]/a-name-of-a-file-that-is-longer-than-the-terminal.onnx"
    terminal = narrow()
    with progress.bar("Uploading", 10) as move:
        move(5)
        output.note(text)
    assert text in terminal.getvalue()
