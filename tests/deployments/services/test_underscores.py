"""Names with an underscore, which other systems accept, lead to the service wherever an address names one."""

import pytest

from deployments.models import EdgeExport, Rollout
from deployments.rollouts.moving import as_json
from deployments.rollouts.steps import Plan
from deployments.services.client_keys import create_client_key
from deployments.services.rollouts import DEFAULT_STEPS
from tests.deployments.service_factories import deploy
from tests.routes import all_routes

NAMED = "services/<slug:name>"
ROUTES = [route for route in all_routes() if NAMED in route.pattern and "GET" in route.methods()]


@pytest.mark.django_db
@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_address_with_an_underscore_answers_like_the_service_s_own(
    route, workspace, bob, iris, fake, sign_in, api, settings, tmp_path
):
    settings.DATA_DIR = tmp_path
    service = deploy(workspace, bob, iris, name="my_deploy", target=fake.target)
    create_client_key(service, bob, "nothing")  # what stands for a name in a route's path
    Rollout.objects.create(service=service, control=1, candidate=2, plan=as_json(Plan(DEFAULT_STEPS)))
    export = EdgeExport.objects.create(pk=999999, service=service, revision=service.revisions.get(), digest="0" * 64)
    export.path.parent.mkdir(parents=True)
    export.path.write_bytes(b"archive")
    client = api(bob) if route.is_rest else sign_in(bob)
    own, other = (
        client.get(route.path().replace("services/nothing", f"services/{name}"), {"slot": "primary"}).status_code
        for name in ("my-deploy", "my_deploy")
    )
    assert other == own != 404
