"""What the front makes of a request's head, and what it refuses."""

from hashlib import sha256

import pytest

from scoring.core.errors import ScoringError
from scoring.front.heads import CHUNKED, Answered, Peer, forwarded_lines, is_v2_address, parse_head
from scoring.front.table import Registry
from scoring.front_contract import (
    FIRST_WORKSPACE,
    ClientKey,
    FrontReplica,
    FrontRevision,
    FrontService,
    Routing,
    Sticky,
)

KEY = "a-key"
NOWHERE = FrontReplica(id="1", address="nowhere")


def table(**more):
    given = {"id": 1, "workspace": "default", "name": "iris", "default": 1, "front_key": "front-key",
             "keys": [ClientKey(name="secondary", digest=sha256(KEY.encode()).hexdigest())],
             "revisions": [FrontRevision(number=1), FrontRevision(number=2, label="blue", slots=[(0, 9)])]}  # fmt: skip
    return Registry().build(Routing(number=1, services=[FrontService(**given | more)]))[0]


def parse(*lines, target="/default/iris/score", method="POST", key=KEY, is_public=False, **more):
    first = [f"{method} {target} HTTP/1.1", "Host: a", *([f"Authorization: Bearer {key}"] if key else [])]
    raw = "\r\n".join([*first, *lines]).encode("latin-1") + b"\r\n\r\n"
    return parse_head(raw, table(**more), is_public=is_public)


def written(head):
    line, *lines = head.written.decode("latin-1").split("\r\n")
    return line, dict(one.split(": ", 1) for one in lines if one)


def test_the_replica_gets_the_rest_of_the_address_and_the_fronts_key_in_place_of_the_callers():
    head = parse("Content-Length: 9", "X-Custom: yes", "X-Slipway-Front: stolen", "Cookie: session=1")
    assert written(head) == (
        "POST /score HTTP/1.1",
        {"host": "a", "x-custom": "yes", "x-slipway-front": "front-key secondary", "content-length": "9"},
    )
    assert head.length == 9
    assert head.caller.name == "secondary"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/default/iris/score?a=1", "/score?a=1"),
        ("/default/iris/v2/models/iris/infer", "/v2/models/iris/infer"),
        ("/api/v1/service/iris/score", "/score"),
        ("/api/v1/service/iris/swagger.json", "/swagger.json"),
        ("http://front/default/iris/score", "/score"),
    ],
)
def test_addresses_lead_to_the_service(target, expected):
    assert written(parse(target=target))[0].split()[1] == expected


def test_a_host_name_leads_to_its_service_with_the_whole_address():
    raw = b"GET /score?x=1 HTTP/1.1\r\nHost: Iris.Example:8400\r\n\r\n"
    head = parse_head(raw, table(hosts=["iris.example"], auth="none"), is_public=False)
    assert head.written.startswith(b"GET /score?x=1 HTTP/1.1\r\n")


def test_an_azure_address_of_a_name_in_two_workspaces_says_so():
    routing = Routing(number=1, services=[
        FrontService(id=number, workspace=workspace, name="iris", default=1, revisions=[FrontRevision(number=1)])
        for number, workspace in enumerate(["a", "b"])
    ])  # fmt: skip
    with pytest.raises(ScoringError, match="Several workspaces") as refused:
        Registry().build(routing)[0].find(b"/api/v1/service/iris/score", b"")
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"default": 3}, "revision 3 is its default and not there"),
        ({"seed": "x" * 65}, "seed is longer"),
        ({"revisions": []}, "no revision"),
        ({"revisions": [FrontRevision(number=1, slots=[(9000, 10_000)])]}, "no slots 9000 to 10000"),
        (
            {"revisions": [FrontRevision(number=1, replicas=[NOWHERE])]},
            "neither host:port",
        ),
        ({"auth": "token"}, "needs their rules"),
    ],
)
def test_a_routing_file_that_contradicts_itself_is_refused(more, message):
    with pytest.raises(ValueError, match=message):
        table(**more)


AMBIGUOUS = {
    "both lengths": ["Content-Length: 5", "Transfer-Encoding: chunked"],
    "two lengths": ["Content-Length: 5", "Content-Length: 6"],
    "two equal lengths": ["Content-Length: 5", "Content-Length: 5"],
    "a list of lengths": ["Content-Length: 5, 5"],
    "a signed length": ["Content-Length: +5"],
    "a hexadecimal length": ["Content-Length: 0x5"],
    "a folded line": ["X-A: 1", " Content-Length: 5"],
    "a space before the colon": ["Content-Length : 5"],
    "a bare line feed": ["X-A: 1\nContent-Length: 5"],
    "a bare carriage return": ["X-A: 1\rContent-Length: 5"],
    "a zero byte": ["X-A: 1\0"],
    "two hosts": ["Host: b"],
    "two keys": ["Authorization: Bearer other"],
    "chunked twice": ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    "an unknown coding": ["Transfer-Encoding: gzip, chunked"],
    "a masked coding": ["Transfer-Encoding: xchunked"],
    "an obscured coding": ["Transfer-Encoding: \x0bchunked"],
}


@pytest.mark.parametrize("lines", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_head_that_could_be_read_in_two_ways_is_refused(lines):
    with pytest.raises(ScoringError) as refused:
        parse(*lines)
    assert refused.value.status in (400, 501)


def test_a_request_without_a_host_is_refused():
    with pytest.raises(ScoringError, match="no Host"):
        parse_head(b"POST /default/iris/score HTTP/1.1\r\nX-A: 1\r\n\r\n", table(), is_public=False)


def test_headers_that_the_client_names_for_this_connection_only_end_here():
    _, headers = written(parse("Connection: keep-alive, X-Mine", "X-Mine: 1", "Upgrade: h2c", "TE: trailers"))
    assert set(headers) == {"host", "x-slipway-front", "content-length"}


def test_a_client_cannot_say_for_whom_it_was_forwarded_or_take_the_host_away():
    said = [f"X-{name}: evil" for name in ("Forwarded-Host", "Forwarded-Port", "Forwarded-Prefix", "Real-IP")]
    _, headers = written(parse("Connection: host", *said))
    assert headers["host"] == "a"
    assert "evil" not in headers.values()


def test_an_azure_address_of_a_name_in_two_workspaces_means_the_first_workspace():
    routing = Routing(number=1, services=[
        FrontService(id=number, workspace=workspace, name="iris", default=1, revisions=[FrontRevision(number=1)])
        for number, workspace in enumerate(["a", FIRST_WORKSPACE])
    ])  # fmt: skip
    found, _ = Registry().build(routing)[0].find(b"/api/v1/service/iris/score", b"")
    assert found.settings.workspace == FIRST_WORKSPACE


def test_a_chunked_body_stays_chunked():
    head = parse("Transfer-Encoding: Chunked")
    assert head.length == CHUNKED
    assert written(head)[1]["transfer-encoding"] == "chunked"


@pytest.mark.parametrize(("wanted", "number"), [("2", 2), ("blue", 2), ("1", 1)])
def test_a_request_may_ask_for_a_revision_by_number_or_label(wanted, number):
    assert parse(f"X-Slipway-Revision: {wanted}").pinned.number == number


def test_a_revision_that_does_not_run_cannot_be_asked_for():
    with pytest.raises(ScoringError, match="there are: 1, 2, blue") as refused:
        parse("X-Slipway-Revision: 7")
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("sticky", "line"),
    [
        (Sticky(header="X-User"), "X-User: user-1"),
        (Sticky(cookie="user"), "Cookie: a=b; user=user-1; c=d"),
        (Sticky(cookie="user"), 'Cookie: {"odd": [1]}; x y; =; user="user-1"'),
    ],
)
def test_a_sticky_value_always_has_the_same_slot(sticky, line):
    assert parse(line, sticky=sticky, seed="svc-a").slot == 4698


def test_a_request_without_its_sticky_value_draws_a_slot():
    assert parse("X-Other: 1", sticky=Sticky(header="X-User")).slot == -1


def test_only_a_trusted_proxy_says_where_a_request_came_from():
    head = parse("X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https")
    assert b"1.2.3.4" not in head.written
    for trusted, address, scheme in ((False, b"10.0.0.9", b"http"), (True, b"1.2.3.4, 10.0.0.9", b"https")):
        found = forwarded_lines(Peer(b"10.0.0.9", trusted=trusted), head.said_for, head.said_proto)
        assert found == b"x-forwarded-for: %b\r\nx-forwarded-proto: %b\r\n\r\n" % (address, scheme)


def test_pages_go_to_the_default_revision_and_may_need_no_key():
    head = parse(method="GET", target="/default/iris/swagger.json", key="", revisions=[
        FrontRevision(number=1), FrontRevision(number=2, slots=[(0, 9999)])])  # fmt: skip
    assert head.pinned.number == 1
    assert b"x-slipway-front" not in head.written


@pytest.mark.parametrize("key", ["", "wrong"])
def test_a_score_needs_a_key_that_is_right(key):
    with pytest.raises(ScoringError) as refused:
        parse(key=key)
    assert refused.value.status == 401


def test_a_key_that_has_ended_is_refused():
    keys = [ClientKey(name="ci", digest=sha256(KEY.encode()).hexdigest(), expires_at=1.0)]
    with pytest.raises(ScoringError, match="expired"):
        parse(keys=keys)


def test_a_service_without_authentication_gets_the_authorization_header_itself():
    assert written(parse(key="its-own-matter", auth="none"))[1]["authorization"] == "Bearer its-own-matter"


def test_the_fronts_own_health_is_no_services():
    with pytest.raises(Answered):
        parse(method="GET", target="/healthz", key="")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"POST /default/iris/v2/models/iris/infer HTTP/1.1\r\nHost: a", True),
        (b"POST /api/v1/service/iris/v1/models/iris:predict HTTP/1.1", True),
        (b"POST /v2/models/iris/infer HTTP/1.1\r\nX: 1\r\nHOST:  iris.example:80", True),
        (b"POST /default/iris/score HTTP/1.1", False),
        (b"POST /nobody/nothing/v2 HTTP/1.1", False),
        (b"garbage", False),
    ],
)
def test_the_form_of_errors_is_that_of_the_address_that_was_asked(raw, expected):
    assert is_v2_address(raw, table(hosts=["iris.example"])) is expected


def test_two_services_with_the_same_port_for_grpc_are_refused():
    services = [
        FrontService(id=number, workspace="a", name=f"s{number}", default=1, revisions=[FrontRevision(number=1)],
                     grpc_port=9000) for number in range(2)
    ]  # fmt: skip
    with pytest.raises(ValueError, match="two services have the gRPC port 9000"):
        Registry().build(Routing(number=1, services=services))


def test_a_service_of_which_nothing_has_changed_is_not_made_anew():
    registry, made = Registry(), []
    for number, seed in enumerate(["a", "a", "b"]):
        services = [FrontService(id=one, workspace="a", name=f"s{one}", default=1, seed=seed if one else "",
                                 revisions=[FrontRevision(number=1)]) for one in range(2)]  # fmt: skip
        made.append(registry.build(Routing(number=number, services=services))[0].services)
    assert made[0] == made[1]
    assert made[1][0] is made[2][0]
    assert made[2][1].settings.seed == "b"


def test_a_body_beyond_the_limit_is_refused_before_it_is_sent():
    with pytest.raises(ScoringError) as refused:
        parse("Content-Length: 11", max_body_bytes=10)
    assert refused.value.status == 413
