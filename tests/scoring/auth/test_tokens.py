"""Services that take JSON Web Tokens: which are valid, what refusals say, and when tokens end."""

import base64
import json
import time
from contextlib import closing
from hashlib import sha256
from hmac import digest

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.scoring.conftest import KEY, double_model
from tests.scoring.rpc_client import refused, started, tensor

SECRET, OTHER_SECRET = "a" * 43, "b" * 43
RULES = {"secret": SECRET, "audience": "vision/iris", "issuer": "https://studio.example"}
GOOD, ANSWER = {"data": [[1, 2, 3, 4]]}, {"data": [[2, 4, 6, 8]]}
LEEWAY = 5


def token(secret=SECRET, seconds=600.0, algorithm="HS256", without=(), **claims) -> str:
    now = time.time()
    payload = {"iss": RULES["issuer"], "aud": RULES["audience"], "sub": "ada", "iat": int(now), "exp": now + seconds}
    payload |= claims
    return jwt.encode({name: payload[name] for name in payload if name not in without}, secret, algorithm=algorithm)


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


def coded(value: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed_with_a_public_key() -> str:
    """A token with HS256, signed with the public half of a key pair."""
    public = rsa.generate_private_key(65537, 2048).public_key()
    text = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = f"{coded({'alg': 'HS256', 'typ': 'JWT'})}.{coded(CLAIMS)}"
    return f"{head}.{base64.urlsafe_b64encode(digest(text, head.encode(), 'sha256')).rstrip(b'=').decode()}"


CLAIMS = {"iss": RULES["issuer"], "aud": RULES["audience"], "exp": 4_000_000_000}
RSA = rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def rpc(shared_replica):
    shared_replica.with_models(double=double_model).write_keys(KEY, tokens=RULES)
    with closing(started(shared_replica, processes=2)) as made:
        yield made


@pytest.fixture
def server(rpc):
    return rpc.replica


def status(server, credential: str) -> int:
    return server.score(GOOD, headers=bearer(credential)).status_code


def test_valid_token_is_accepted_repeatedly(server):
    credential = bearer(token())
    assert [server.score(GOOD, headers=credential).json() for _ in range(4)] == [ANSWER] * 4
    assert server.client.get("/v2", headers=credential).status_code == 200
    metrics = server.client.get("/metrics", headers=credential).text
    assert 'code="200",key="token"}' in metrics


@pytest.mark.parametrize(
    ("credential", "reason"),
    [
        (token(seconds=-60), "has expired"),
        (token(OTHER_SECRET), "signature"),
        (token(aud="vision/digits"), "another service"),
        (token(iss="https://elsewhere.example"), "another issuer"),
        (token(nbf=4_000_000_000), "not valid yet"),
        (token(without=["exp"]), "lacks the claim 'exp'"),
        (token(without=["aud"]), "lacks the claim 'aud'"),
        (token(without=["iss"]), "lacks the claim 'iss'"),
        (token(None, algorithm="none"), "not signed with HS256"),
        (f"{coded({'alg': 'none'})}.{coded(CLAIMS)}.", "not signed with HS256"),
        (token(SECRET * 2, algorithm="HS512"), "not signed with HS256"),
        (token(RSA, algorithm="RS256"), "not signed with HS256"),
        (signed_with_a_public_key(), "signature"),
        (f"{token(sub='eve').rpartition('.')[0]}.{token().rpartition('.')[2]}", "signature"),
        (KEY, "takes tokens, no keys"),
        (sha256(KEY.encode()).hexdigest(), "takes tokens, no keys"),
        ("a.b.c", "takes tokens, no keys"),
        ("...", "takes tokens, no keys"),
        (f"{base64.urlsafe_b64encode(b'[' * 6000).decode()}.e30.e30", "no"),
    ],
)
def test_invalid_token_is_401_with_reason(server, credential, reason):
    for _ in range(2):
        answer = server.score(GOOD, headers=bearer(credential))
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith('Bearer realm="scoring", error="invalid_token", error_description="')
        assert reason in challenge
        assert reason in answer.json()["message"]
        assert SECRET not in answer.text + challenge


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", token()])
def test_missing_token_is_401_with_hint(server, header):
    answer = server.score(GOOD, headers={"Authorization": header})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="scoring"')
    assert "Bearer <token>" in answer.json()["message"]


def test_non_ascii_authorization_header_is_401(server):
    answer = server.score(GOOD, headers={b"Authorization": b"Bearer \xff\xfe.\xff.\xff"})
    assert answer.status_code == 401


def test_cached_token_expires(server):
    expiry = int(time.time()) + 2
    credential, ends = token(exp=expiry), expiry + LEEWAY
    while time.time() < ends - 0.5:
        assert status(server, credential) == 200
        time.sleep(0.1)
    time.sleep(max(0.0, ends + 0.1 - time.time()))
    for _ in range(8):
        answer = server.score(GOOD, headers=bearer(credential))
        assert answer.status_code == 401
        assert "has expired" in answer.json()["message"]


def test_more_tokens_than_the_cache_holds_are_accepted(server):
    tokens = [token(sub=str(number)) for number in range(300)]
    assert {status(server, one) for one in tokens} == {200}
    assert {status(server, one) for one in tokens[:20]} == {200}


def test_new_secret_revokes_all_tokens_within_two_seconds(server):
    old, new = token(), token(OTHER_SECRET)
    assert (status(server, old), status(server, new)) == (200, 401)
    server.write_keys(tokens=RULES | {"secret": OTHER_SECRET})
    time.sleep(2)
    assert {status(server, old) for _ in range(8)} == {401}
    assert {status(server, new) for _ in range(8)} == {200}
    server.write_keys(tokens=RULES)
    server.until(lambda: all(status(server, old) == 200 for _ in range(8)), 3)


def test_too_short_secret_leaves_the_previous_one_in_force(server):
    server.write_keys(tokens=RULES | {"secret": "short"})
    time.sleep(1.2)
    assert status(server, token()) == 200
    assert "keys.json cannot be used" in server.log()
    server.write_keys(tokens=RULES)


def test_grpc_accepts_the_same_tokens(rpc):
    assert list(
        rpc.ask(tensor(), metadata=(("authorization", f"Bearer {token()}"),)).outputs[0].contents.fp32_contents
    ) == [2, 4, 6, 8]
    for credential, reason in [(token(seconds=-60), "has expired"), (KEY, "takes tokens, no keys")]:
        with refused(grpc.StatusCode.UNAUTHENTICATED, reason):
            rpc.ask(tensor(), metadata=(("authorization", f"Bearer {credential}"),))


def test_service_with_keys_refuses_tokens(replica):
    replica.with_models(double=double_model).start()
    answer = replica.score(GOOD, headers=bearer(token()))
    assert (answer.status_code, "not one of this service's keys" in answer.json()["message"]) == (401, True)
    assert replica.score(GOOD).json() == ANSWER


def test_service_without_authentication_ignores_tokens(replica):
    replica.write_keys(tokens=RULES)
    replica.with_models(double=double_model).start(auth=False)
    assert replica.score(GOOD, headers={"Authorization": ""}).json() == ANSWER


def test_missing_token_library_fails_the_start(replica, tmp_path, monkeypatch):
    (tmp_path / "jwt.py").write_text("raise ImportError('no module named jwt')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    replica.write_keys(tokens=RULES)
    failure = replica.with_models(double=double_model).fail_to_start()
    assert failure["reason"] == "import_missing"
    assert "needs PyJWT" in failure["message"]


def test_script_called_scoring_hides_no_server_module(replica):
    replica.write_keys(tokens=RULES)
    replica.with_script("", scoring="def init():\n    pass\ndef run(data):\n    return __name__\n")
    replica._describe("entry_script", ["iris"], entry_script="scoring.py")
    replica.start()
    assert replica.score("{}", headers=bearer(token())).json() == "scoring"
