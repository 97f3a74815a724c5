"""Services with access tokens instead of keys: issuing, claims, revocation and pages."""

from datetime import datetime

import jwt
import msgspec
import pytest

from deployments.errors import TakesNoKeys, TakesNoTokens
from deployments.models import Service
from deployments.recipe.spec import spec_for
from deployments.services import scoring_client, tokens
from deployments.targets.server_files import keys_file
from scoring.contract import KeysFile
from studio.activity.models import Event
from tests.deployments.service_factories import actions, deploy, instance_of
from tests.pages import text_of, url

pytestmark = pytest.mark.django_db
SERVICES = "/api/v1/workspaces/vision/services"
TOKENS = {"deployment_config": {"token_auth": True}}


@pytest.fixture
def service(workspace, bob, iris, fake):
    return fake.visit(deploy(workspace, bob, iris, target=fake.target, **TOKENS), 2)


@pytest.fixture
def keyed(workspace, bob, iris, fake):
    return fake.visit(deploy(workspace, bob, iris, name="keyed", target=fake.target), 2)


def spec_of(service):
    return spec_for(instance_of(service))


def claims_of(service, token: str) -> dict:
    """The claims, verified with the rules that the scoring server gets."""
    rules = msgspec.json.decode(keys_file(spec_of(service)), type=KeysFile).tokens
    wanted = {"algorithms": ["HS256"], "audience": rules.audience, "issuer": rules.issuer}
    return jwt.decode(token, rules.secret, leeway=30, **wanted)  # the tests' clock goes ahead


class TestIssuedToken:
    @pytest.mark.parametrize("who", ["alice", "bob", "carol"])
    def test_token_is_issued_to_every_member(self, api, service, who, request):
        answer = api(request.getfixturevalue(who), access="read").post(f"{SERVICES}/iris/token")
        assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
        made = answer.json()
        assert set(made) == {"access_token", "token_type", "refresh_after", "expiry_on"}
        claims = claims_of(service, made["access_token"])
        assert (claims["sub"], claims["aud"], claims["iss"]) == (who, "vision/iris", "slipway")
        assert claims["exp"] - claims["iat"] == 3600
        assert len(claims["jti"]) == 32
        assert made["token_type"] == "Bearer"
        expiry, refresh = (datetime.fromisoformat(made[name]) for name in ("expiry_on", "refresh_after"))
        assert abs(expiry.timestamp() - claims["exp"]) <= 1
        assert 0 < (expiry - refresh).total_seconds() < 3600

    def test_every_token_is_new(self, api, bob, service):
        made = {api(bob).post(f"{SERVICES}/iris/token").json()["access_token"] for _ in range(3)}
        assert len(made) == 3

    def test_issued_token_is_recorded_without_its_text(self, api, carol, service):
        text = api(carol).post(f"{SERVICES}/iris/token").json()["access_token"]
        event = Event.objects.latest("id")
        assert (event.action, event.actor) == ("service.token_issued", carol)
        assert claims_of(service, text)["jti"] in str(vars(event))
        assert text.split(".")[2] not in str(vars(event))

    def test_token_for_a_service_with_keys_is_a_conflict(self, api, carol, keyed):
        answer = api(carol).post(f"{SERVICES}/keyed/token")
        [error] = answer.json()["errors"]
        assert (answer.status_code, error["code"]) == (409, "service_takes_no_tokens")
        assert "takes keys, not tokens" in error["detail"]
        assert not Event.objects.filter(action="service.token_issued").exists()

    def test_token_for_a_service_without_authentication_is_a_conflict(self, api, bob, workspace, iris, fake):
        deploy(workspace, bob, iris, target=fake.target, deployment_config={"auth": False})
        answer = api(bob).post(f"{SERVICES}/iris/token")
        assert answer.status_code == 409
        assert "neither keys nor tokens" in answer.json()["errors"][0]["detail"]

    def test_token_is_not_issued_to_non_members_or_across_workspaces(self, api, mallory, bob, elsewhere, service):
        assert api(mallory).post(f"{SERVICES}/iris/token").status_code == 404
        assert api(bob).post("/api/v1/workspaces/elsewhere/services/iris/token").status_code == 404
        assert not Event.objects.filter(action="service.token_issued").exists()

    def test_token_of_one_service_is_invalid_for_another(self, api, bob, workspace, iris, fake, service):
        other = deploy(workspace, bob, iris, name="other", target=fake.target, **TOKENS)
        text = api(bob).post(f"{SERVICES}/iris/token").json()["access_token"]
        with pytest.raises(jwt.InvalidSignatureError):
            claims_of(other, text)


class TestRevokingTokens:
    def test_revocation_changes_the_signing_secret(self, api, bob, fake, service):
        old = tokens.issue(service, bob).access_token
        answer = api(bob).post(f"{SERVICES}/iris/token/regenerate")
        assert (answer.status_code, answer.json()["name"]) == (200, "iris")
        service = Service.objects.get()
        with pytest.raises(jwt.InvalidSignatureError):
            claims_of(service, old)
        assert claims_of(service, tokens.issue(service, bob).access_token)["sub"] == "bob"
        assert "tokens_revoked" in actions(service)

    def test_viewer_cannot_revoke_tokens(self, api, carol, service):
        assert api(carol).post(f"{SERVICES}/iris/token/regenerate").status_code == 403
        assert Service.objects.get().token_secret == service.token_secret

    def test_revocation_for_a_service_with_keys_is_a_conflict(self, keyed, bob):
        with pytest.raises(TakesNoTokens):
            tokens.regenerate(keyed, bob)


class TestTokenSecret:
    def test_server_with_tokens_gets_the_secret_and_no_keys(self, service):
        spec = spec_of(service)
        found = msgspec.json.decode(keys_file(spec), type=KeysFile)
        assert (found.digests, found.tokens.secret) == ([], service.token_secret)
        assert len(found.tokens.secret) >= 32
        assert spec.auth is True
        assert service.token_secret not in repr(spec)

    def test_server_with_keys_gets_digests_and_no_secret(self, keyed):
        found = msgspec.json.decode(keys_file(spec_of(keyed)), type=KeysFile)
        assert (len(found.digests), found.tokens, keyed.token_secret) == (2, None, "")

    def test_token_secret_is_kept_by_an_update(self, workspace, bob, iris, fake, service):
        again = deploy(workspace, bob, iris, target=fake.target, overwrite=True, **TOKENS)
        assert again.token_secret == service.token_secret

    def test_token_secret_is_encrypted_in_the_database(self, service):
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("select token_secret from deployments_service")
            [(stored,)] = cursor.fetchall()
        assert stored
        assert service.token_secret not in stored


class TestKeysOfServiceWithTokens:
    def test_keys_are_neither_shown_nor_regenerated(self, api, sign_in, bob, service):
        before = [key.value for key in service.keys.order_by("slot")]
        for answer in (
            api(bob).get(f"{SERVICES}/iris/keys"),
            api(bob).post(f"{SERVICES}/iris/keys/primary/regenerate"),
            sign_in(bob).get(url("service_keys", name="iris")),
        ):
            assert answer.status_code == 409
            assert "takes tokens, not keys" in answer.content.decode()
        assert [key.value for key in service.keys.order_by("slot")] == before

    def test_refuse_keys_raises_only_for_services_with_tokens(self, service, keyed):
        tokens.refuse_keys(keyed)
        with pytest.raises(TakesNoKeys):
            tokens.refuse_keys(service)

    def test_update_changes_the_authentication_once_it_is_built(self, workspace, bob, iris, fake, service):
        deploy(workspace, bob, iris, target=fake.target, built=False, overwrite=True, deployment_config={"cpu": 0.5})
        service.refresh_from_db()
        assert tokens.needed_for(service) == "token"


class TestPages:
    def test_settings_explain_tokens_and_hide_keys(self, sign_in, carol, service):
        page = text_of(sign_in(carol).get(url("service_detail", name="iris") + "?tab=settings"))
        assert "slipway service get-access-token iris" in page
        assert "Keys are not accepted" in page
        assert url("service_token", name="iris") in page
        assert url("service_regenerate_tokens", name="iris") not in page
        assert url("service_keys", name="iris") not in page
        assert service.token_secret not in page

    def test_contributor_can_revoke_all_tokens_in_the_settings(self, sign_in, bob, service):
        client = sign_in(bob)
        page = text_of(client.get(url("service_detail", name="iris") + "?tab=settings"))
        assert url("service_regenerate_tokens", name="iris") in page
        answer = client.post(url("service_regenerate_tokens", name="iris"))
        assert answer["Location"] == url("service_detail", name="iris") + "?tab=settings"
        assert Service.objects.get().token_secret != service.token_secret

    def test_settings_of_a_service_with_keys_do_not_mention_tokens(self, sign_in, bob, keyed):
        page = text_of(sign_in(bob).get(url("service_detail", name="keyed") + "?tab=settings"))
        assert "get-access-token" not in page
        assert url("service_keys", name="keyed") in page

    @pytest.mark.parametrize("headers", [{}, {"HTTP_HX_REQUEST": "true"}])
    def test_issued_token_is_shown_and_never_cached(self, sign_in, carol, service, headers):
        answer = sign_in(carol).post(url("service_token", name="iris"), **headers)
        text = answer.context["made"].access_token
        assert text in text_of(answer)
        assert claims_of(service, text)["sub"] == "carol"
        assert "no-store" in answer["Cache-Control"]
        assert ("<html" in text_of(answer)) == (not headers)

    def test_get_request_issues_no_token(self, sign_in, bob, service):
        assert sign_in(bob).get(url("service_token", name="iris")).status_code == 405

    def test_test_tab_calls_with_a_token_and_shows_the_snippet(self, sign_in, bob, service, monkeypatch):
        sent = []
        result = scoring_client.ScoreResult(200, {}, b"{}", 1.0)
        monkeypatch.setattr(scoring_client, "_call", lambda *given: sent.append(given[2]) or result)
        page = sign_in(bob).post(url("service_test", name="iris"), {"body": "{}"})
        assert claims_of(service, sent[0]["Authorization"].removeprefix("Bearer "))["sub"] == "studio"
        assert "with a token of its own" in text_of(page)
        for snippet in page.context["snippets"]:
            assert "SERVICE_TOKEN" in snippet["text"]
            assert "SERVICE_KEY" not in snippet["text"]
