"""The load generator as a program, against a server of the test."""

import asyncio
import json
import ssl
import subprocess
import sys
import time

import pytest

from monitoring.errors import LoadFailed
from monitoring.profiling.generator import run_load
from monitoring.profiling.latencies import percentile
from monitoring.profiling.messages import File, Inline, Plan
from tests.monitoring.profiling.answering import OK, Server, after, always, at_once

QUICK = {"bodies": Inline(texts=['{"row": 1}']), "warm_up_seconds": 0.2, "repeat_seconds": 0.5}


def one(server, **changes):
    (repeat,) = run_load(Plan(**QUICK | {"address": server.address, "connections": 2} | changes))
    return repeat


def test_a_closed_loop_has_as_many_requests_at_once_as_connections():
    with Server(after(0.02)) as server:
        repeat = one(server, connections=4)
    assert 20 <= percentile(repeat.latency, 0.5) < 40
    assert repeat.answered == pytest.approx(4 * 0.5 / 0.022, rel=0.3)
    assert (repeat.errors, set(repeat.statuses)) == ({}, {"200"})


def test_an_open_loop_sends_at_its_rate_whatever_the_answers():
    with Server(after(0.2)) as server:
        repeat = one(server, connections=None, rate=100, repeat_seconds=1)
    assert repeat.sent == repeat.answered == pytest.approx(100, abs=1)
    assert percentile(repeat.latency, 0.5) >= 200


def test_requests_carry_bodies_in_turn_and_headers():
    with Server(at_once) as server:
        repeat = one(
            server,
            connections=1,
            bodies=Inline(texts=["1", "2", "3"]),
            headers={"Authorization": "Bearer some-key"},
            warm_up_seconds=0,
            repeat_requests=7,
        )
    assert repeat.answered == 7
    assert server.asked[:7] == [b"1", b"2", b"3", b"1", b"2", b"3", b"1"]
    assert b"Authorization: Bearer some-key\r\n" in server.heads[0]


def test_latency_counts_from_the_intended_moment():
    """A pause of the whole service shows in every request that came due meanwhile (coordinated omission)."""
    paused = []

    async def pauses_once(asked):
        if asked.number == 60 and not paused:
            paused.append(True)
            time.sleep(0.5)  # everything stands
        await asyncio.sleep(0)
        return OK

    with Server(pauses_once) as server:
        repeat = one(server, connections=None, rate=100, repeat_seconds=1.5)
    assert repeat.answered == pytest.approx(150, abs=2)
    assert percentile(repeat.latency, 0.9) == pytest.approx(350, abs=100)


def test_an_address_without_a_server_is_unreachable():
    with Server(at_once) as server:
        pass
    with pytest.raises(LoadFailed) as told:
        run_load(Plan(**QUICK, address=server.address, connections=1))
    assert told.value.code == "unreachable"
    assert str(server.port) in told.value.message


def test_a_service_that_answers_errors_only_is_given_up_with_an_example():
    broken = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 9\r\n\r\nno column"
    with Server(always(broken)) as server, pytest.raises(LoadFailed) as told:
        one(server, repeat_seconds=60)
    assert (told.value.code, told.value.evidence) == ("only_errors", "500: no column")


def test_an_answer_that_never_ends_is_a_timeout():
    async def endless(asked):
        asked.writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while asked.number % 2:
            asked.writer.write(b"1\r\n.\r\n")
            await asyncio.sleep(0.02)
        return b"0\r\n\r\n"

    with Server(endless) as server:
        repeat = one(server, timeout_seconds=0.3, repeat_seconds=1.5)
    assert repeat.errors["timeout"] == pytest.approx(9, abs=4)
    assert set(repeat.errors) == {"timeout"}
    assert repeat.answered > 0


def test_an_open_loop_gives_up_overdue_requests_and_goes_on():
    async def stuck(asked):
        if asked.number % 10 == 0:
            await asyncio.sleep(30)
        return OK

    with Server(stuck) as server:
        repeat = one(server, connections=None, rate=100, timeout_seconds=0.3, repeat_seconds=1)
    assert repeat.sent == repeat.answered + repeat.errors["timeout"]
    assert repeat.errors == {"timeout": pytest.approx(10, abs=2)}


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", "status 5xx"),
        (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", "status 4xx"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\nContent-Type: application/json\r\n\r\n{"a": nan', "content"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/html\r\n\r\n{}", "content"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n" + b"." * 500, "too_large"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "protocol"),
        (None, "closed"),
    ],
)
def test_failures_are_counted_by_kind(content, kind):
    async def every_other(asked):
        return content if asked.number % 2 else OK

    with Server(every_other) as server:
        repeat = one(server, answer="json", largest_answer_bytes=400)
    assert set(repeat.errors) == {kind}
    assert repeat.answered > 0
    assert repeat.sent == repeat.answered + repeat.errors[kind]


def test_an_answer_that_closes_its_connection_is_an_answer():
    closing = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    with Server(always(closing)) as server:
        repeat = one(server)
        spread = one(server, connections=None, rate=50)
    assert (repeat.errors, spread.errors) == ({}, {})
    assert repeat.answered > 0
    assert spread.answered == spread.sent


def test_a_socket_and_tls_are_addresses_too(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"],
            *["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        ],
        check=True,
        capture_output=True,
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    with Server(at_once, socket=str(tmp_path / "s")) as server:
        assert one(server).errors == {}
    with Server(at_once, tls=tls) as server:
        assert one(server, ca_file=str(certificate)).errors == {}
        with pytest.raises(LoadFailed) as told:
            one(server)
    assert told.value.code == "unreachable"
    assert "certificate" in told.value.message.lower()


def test_bodies_that_cannot_be_read_are_told_before_anything_is_sent(tmp_path):
    (tmp_path / "rows.jsonl").write_text("{\n")
    with Server(at_once) as server, pytest.raises(LoadFailed) as told:
        one(server, bodies=File(path=str(tmp_path / "rows.jsonl")))
    assert told.value.code == "bodies_bad"
    assert server.asked == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"rate": 10}, "plan_bad"),
        ({"connections": 0}, "plan_bad"),
        ({"repeats": 0}, "plan_bad"),
        ({"address": "ftp://127.0.0.1/"}, "address_bad"),
        ({"address": "http://user:word@127.0.0.1/"}, "address_bad"),  # pragma: allowlist secret
        ({"address": "http://127.0.0.1:1/a b"}, "address_bad"),
        ({"address": "unix:/run/socket"}, "address_bad"),
        ({"address": f"unix:/{'a' * 200}:/score"}, "unreachable"),
        ({"address": f"http://{'a' * 80}.example/"}, "unreachable"),
        ({"address": "http://127.0.0.1:99999/"}, "address_bad"),
        ({"headers": {"Content-Length": "0"}}, "header_bad"),
        ({"headers": {"X-A": "1\r\nX-B: 2"}}, "header_bad"),
        ({"address": "https://127.0.0.1:1/", "ca_file": "/gone.pem"}, "ca_file_bad"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(changes, code):
    with Server(at_once) as server, pytest.raises(LoadFailed) as told:
        one(server, **changes)
    assert told.value.code == code


def test_repeats_follow_each_other_and_end_early_when_nobody_wants_more():
    with Server(at_once) as server:
        plan = Plan(**QUICK, address=server.address, connections=1, repeats=50)
        seconds = []
        repeats = run_load(plan, on_second=seconds.append, keep_going=lambda made: len(made) < 3)
    assert [one.number for one in repeats] == [0, 1, 2]
    assert all(one.seconds == pytest.approx(0.5, abs=0.1) for one in repeats)
    assert [one.phase for one in seconds] == ["measured"]


def test_what_a_caller_raises_ends_the_load():
    def cancel(_):
        raise KeyboardInterrupt

    with Server(at_once) as server:
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            run_load(Plan(**QUICK | {"repeat_seconds": 60}, address=server.address, connections=1), on_second=cancel)
        asked = len(server.asked)
        time.sleep(0.3)
    assert time.monotonic() - began < 10
    assert len(server.asked) <= asked + 1


def test_poisson_arrivals_come_at_the_rate_with_gaps_that_differ():
    with Server(at_once) as server:
        repeat = one(server, connections=None, rate=200, arrivals="poisson", repeat_seconds=2, warm_up_seconds=0)
        gaps = [later - earlier for earlier, later in zip(server.moments, server.moments[1:], strict=False)]
    mean = sum(gaps) / len(gaps)
    assert repeat.sent == pytest.approx(400, abs=80)
    assert (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5 > 0.6 * mean


def test_a_parent_that_died_ends_the_generator():
    with Server(at_once) as server:
        plan = {"address": server.address, "bodies": {"from": "inline", "texts": ["{}"]}, "connections": 1}
        script = (
            "import os, subprocess, sys\n"
            "child = subprocess.Popen([sys.executable, '-m', 'monitoring.profiling.load'], stdin=subprocess.PIPE,"
            " stdout=subprocess.PIPE)\n"
            "child.stdin.write(sys.argv[1].encode() + b'\\n'); child.stdin.flush()\n"
            "child.stdout.readline()\n"
            "os.kill(os.getpid(), 9)\n"
        )
        subprocess.run([sys.executable, "-c", script, json.dumps(plan | {"repeat_seconds": 60})], check=False)
        deadline = time.monotonic() + 10
        asked = -1
        while len(server.asked) != asked and time.monotonic() < deadline:
            asked = len(server.asked)
            time.sleep(0.5)
    assert len(server.asked) == asked


def test_of_several_replicas_the_least_busy_is_asked():
    with Server(after(0.2)) as slow, Server(after(0.01)) as quick:
        repeat = one(slow, more_addresses=[quick.address], connections=None, rate=100, repeat_seconds=1)
    assert repeat.errors == {}
    assert repeat.answered == pytest.approx(100, abs=2)
    assert len(quick.asked) > 4 * len(slow.asked) > 0


def test_connections_of_a_closed_loop_are_shared_out_among_replicas():
    with Server(after(0.02)) as first, Server(after(0.02)) as second:
        repeat = one(first, more_addresses=[second.address], connections=4)
    assert repeat.answered == pytest.approx(4 * 0.5 / 0.022, rel=0.3)
    assert len(first.asked) == pytest.approx(len(second.asked), rel=0.2)


def test_a_body_larger_than_csv_expects_is_sent(tmp_path):
    (tmp_path / "input.csv").write_text("body\n" + '"' + "a" * 200_000 + '"\n')
    with Server(at_once) as server:
        one(server, bodies=File(path=str(tmp_path / "input.csv"), layout="csv"))
    assert {len(body) for body in server.asked} == {200_000}
