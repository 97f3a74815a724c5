"""One operation of a service at a time: every pair over REST, that which is under way and that which is asked for."""

import pytest
from django.db import transaction

from deployments.models import Build, BuiltBundle, Service
from deployments.services import lifecycle, rollouts
from deployments.services.operations import MEANWHILE, State, Verb, operation_of
from deployments.services.queries import find
from deployments.services.rollback import rollback
from deployments.services.rollouts import RolloutRequest
from tests.deployments.service_factories import deploy

pytestmark = pytest.mark.django_db
SERVICES = "/api/v1/workspaces/vision/services"
REFUSALS = {
    State.DELETION: "service_being_deleted",
    State.STOPPED: "service_stopped",
    State.NOT_DEPLOYED: "nothing_answers",
}


@pytest.fixture
def put_into(workspace, bob, iris, fake):  # noqa: C901 - one small function for each way there
    """`put_into(State.ROLLOUT)` gives a service that stands there."""

    def two() -> Service:
        service = fake.visit(deploy(workspace, bob, iris, target=fake.target), 5)
        deploy(workspace, bob, iris, overwrite=True, target=fake.target, traffic=0)
        return fake.visit(service, 5)

    def first(build: str) -> Service:
        service = deploy(workspace, bob, iris, target=fake.target, built=False)
        Build.objects.update(state=build)
        return fake.visit(service, 2)

    def updated() -> Service:
        service = two()
        deploy(workspace, bob, iris, overwrite=True, target=fake.target)
        return service

    def rolled_back() -> Service:
        service = updated()
        fake.visit(service, 12)
        keep_bundle(service)
        rollback(service, bob, 1)
        return service

    def after(*verbs) -> Service:
        service = two()
        for verb, visits in verbs:
            verb(find(workspace, "iris"), bob)
            fake.visit(service, visits)
        return service

    def keep_bundle(service: Service) -> None:
        content = service.revisions.get(number=1).content_hash
        BuiltBundle.objects.get_or_create(place="one", defaults={"content_hash": content})

    made = {
        State.FREE: two,
        State.FIRST_DEPLOYMENT: lambda: first("running"),
        State.NOT_DEPLOYED: lambda: first("failed"),
        State.UPDATE: updated,
        State.ROLLBACK: rolled_back,
        State.ROLLOUT: lambda: after((lambda one, who: rollouts.start(one, who, RolloutRequest(revision=2)), 0)),
        State.STOP: lambda: after((lifecycle.stop, 0)),
        State.STOPPED: lambda: after((lifecycle.stop, 8)),
        State.START: lambda: after((lifecycle.stop, 8), (lifecycle.start, 0)),
        State.DELETION: lambda: after((lifecycle.delete, 0)),
    }

    def make(state: State) -> Service:
        service = made[state]()
        keep_bundle(service)
        return find(workspace, "iris")

    return make


def ask(client, verb: Verb):
    address = f"{SERVICES}/iris"
    shares = [{"revision": 1, "percent": 90}, {"revision": 2, "percent": 10}]
    return {
        Verb.UPDATE: lambda: client.post(SERVICES, {"name": "iris", "models": ["iris:1"], "overwrite": True}),
        Verb.ROLL_BACK: lambda: client.post(f"{address}/rollback", {"revision": 1}),
        Verb.START: lambda: client.post(f"{address}/start"),
        Verb.STOP: lambda: client.post(f"{address}/stop"),
        Verb.CHANGE_TRAFFIC: lambda: client.put(f"{address}/traffic", {"revisions": shares}, format="json"),
        Verb.ROLL_OUT: lambda: client.post(f"{address}/rollout", {"revision": 2}, format="json"),
        Verb.SCALE: lambda: client.post(f"{address}/scale", {"replicas": 2}, format="json"),
        Verb.DELETE: lambda: client.delete(address),
    }[verb]()


@pytest.mark.parametrize("state", State)
def test_what_is_not_possible_meanwhile_is_refused_and_names_what_is_under_way(state, put_into, api, bob):
    service, client = put_into(state), api(bob)
    under_way = operation_of(service)
    assert under_way.state == state
    outcomes = {}
    for verb in Verb:
        with transaction.atomic():
            answer = ask(client, verb)
            transaction.set_rollback(True)
        if verb in MEANWHILE[state]:
            assert answer.status_code < 300, (verb, answer.content)
            continue
        (outcomes[verb],) = answer.json()["errors"]
        assert answer.status_code == 409
        assert outcomes[verb]["code"] == REFUSALS.get(state, "operation_under_way")
        assert outcomes[verb]["hint"]
        if state not in REFUSALS:
            assert outcomes[verb]["detail"].endswith(f"now: {under_way} is under way.")
    assert set(outcomes) == set(Verb) - MEANWHILE[state]


def test_ending_always_wins():
    assert all(Verb.DELETE in allowed for allowed in MEANWHILE.values())
    assert [state for state, allowed in MEANWHILE.items() if Verb.STOP not in allowed] == [State.DELETION]


def test_operation_is_shown(put_into, api, carol):
    put_into(State.ROLLOUT)
    assert api(carol).get(f"{SERVICES}/iris").json()["operation"] == "the rollout to revision 2"


def test_nothing_is_shown_where_nothing_is_under_way(put_into, api, carol):
    put_into(State.FREE)
    assert api(carol).get(f"{SERVICES}/iris").json()["operation"] is None
