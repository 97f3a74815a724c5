"""The text of a log, read as entries."""

import pytest

from deployments.services.log_entries import Block, Entry, LogFilter, blocks_of, entries_of

REQUEST = "0f3c9d1e-aaaa-4bbb-accc-000000000001"
OTHER = "0f3c9d1e-aaaa-4bbb-accc-000000000002"


def test_server_line_has_time_level_and_request_id():
    text = (
        "2026-11-28 16:18:26.403 I [12] scoring - loaded in 0.20 s\n"
        f"2026-11-28 16:18:27.001 W [12] scoring [{REQUEST}] - the queue is full\n"
    )
    assert entries_of(text) == [
        Entry("loaded in 0.20 s", "info", "2026-11-28 16:18:26.403"),
        Entry("the queue is full", "warning", "2026-11-28 16:18:27.001", REQUEST),
    ]


def test_json_line_has_time_level_and_request_id():
    text = (
        '{"time":"2026-11-28T16:18:26.403Z","level":"error","pid":12,"source":"scoring","message":"given up"}\n'
        f'{{"time":"2026-11-28T16:18:27.000Z","level":"info","pid":1,"source":"stdout","request_id":"{REQUEST}","message":"hi"}}\n'
        '{"rows": 3}\n'
    )
    assert entries_of(text) == [
        Entry("given up", "error", "2026-11-28 16:18:26.403"),
        Entry("hi", "", "2026-11-28 16:18:27.000", REQUEST),
        Entry('{"rows": 3}'),
    ]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("WARNING:root:slow", "warning"),
        ("2026-11-28 16:18:26,403 - model - ERROR - no such column", "error"),
        ("INFO: ready", "info"),
        ("an ordinary line", ""),
        ("a long line of text that names the word at its very end: ERROR", ""),
    ],
)
def test_level_of_a_printed_line_is_read_from_its_first_words(line, level):
    assert entries_of(line)[0].level == level


def test_brackets_printed_by_a_script_are_not_a_request_id():
    assert entries_of("[INFO] ready\n[epoch] 3\n")[1] == Entry("[epoch] 3")


def test_chained_traceback_is_one_entry():
    lines = [
        "Traceback (most recent call last):",
        '  File "/data/bundles/0f/source/score.py", line 5, in run',
        "    return model[data]",
        "KeyError: 'x'",
        "",
        "The above exception was the direct cause of the following exception:",
        "",
        "Traceback (most recent call last):",
        '  File "/data/bundles/0f/source/score.py", line 7, in run',
        "    raise ValueError from error",
        "ValueError",
        "answered anyway",
    ]
    text = "".join(f"[{REQUEST}] {line}\n" for line in lines)
    trace, after = entries_of(text)
    assert (trace.level, trace.request_id) == ("error", REQUEST)
    assert trace.text.splitlines()[1] == '  File "score.py", line 5, in run'
    assert trace.text.endswith("\nValueError")
    assert after == Entry("answered anyway", request_id=REQUEST)


def test_line_of_another_request_ends_a_traceback():
    text = f"[{REQUEST}] Traceback (most recent call last):\n[{OTHER}] hello\n"
    assert [entry.request_id for entry in entries_of(text)] == [REQUEST, OTHER]


def test_consecutive_entries_of_a_request_form_a_block():
    one, two, none = Entry("1", request_id=REQUEST), Entry("2", request_id=REQUEST), Entry("3")
    assert blocks_of([one, two, none, one]) == [Block(REQUEST, (one, two)), Block("", (none,)), Block(REQUEST, (one,))]


def test_filter_selects_by_text_level_and_request():
    entries = [Entry("Bad", "error", request_id=REQUEST), Entry("slow", "warning"), Entry("up", "info"), Entry("bare")]

    def kept(**wanted):
        return [entry.text for entry in entries if LogFilter(**wanted).keeps(entry)]

    assert kept() == ["Bad", "slow", "up", "bare"]
    assert kept(level="error") == ["Bad"]
    assert kept(level="warning") == ["Bad", "slow"]
    assert kept(level="info") == ["Bad", "slow", "up"]
    assert kept(text="BA") == ["Bad", "bare"]
    assert kept(request=REQUEST) == ["Bad"]
