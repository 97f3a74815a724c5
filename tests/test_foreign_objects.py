"""Objects of one workspace asked for under the address of another, at every address that names an object.

The cases are made from the URL map. `foreign` has an object for every parameter; a new parameter needs one too, as
`test_object_is_found_in_its_own_workspace` notices.
"""

import pytest

from deployments.edge.devices import add_device
from deployments.models import BuiltBundle, BuiltImage, DeviceRollout, EdgeExport, Package, Rollout
from deployments.rollouts.moving import as_json
from deployments.rollouts.steps import Plan
from deployments.services.client_keys import create_client_key
from deployments.services.rollouts import DEFAULT_STEPS
from registry.store import uploads
from studio.accounts.models import Membership, Role, User
from studio.people.invitations import create_invitation
from studio.people.tokens import create_token
from tests.deployments.service_factories import deploy, make_config
from tests.monitoring.profiles.factories import make_profile
from tests.registry.factories import make_conversion, make_version
from tests.routes import Route, all_routes

pytestmark = pytest.mark.django_db

NOT_FOUND, NOT_THIS_METHOD = 404, 405
BELOW_WORKSPACE = "<slug:workspace>/"
OTHERWISE = {  # what an address answers instead of 404 for an object that does not exist
    "w/<slug:workspace>/services/<slug:name>/status/": 204,  # with the way to the list: the service may just be deleted
}
SERVICE = "api/v1/workspaces/<slug:workspace>/services/<slug:name>"
BODIES = {  # where an empty body is refused before the object is looked up
    "PATCH api/v1/workspaces/<slug:workspace>/members/<str:username>": '{"role": "viewer"}',
    "PATCH api/v1/workspaces/<slug:workspace>/targets/<slug:name>": '{"settings": {}}',
    "POST api/v1/workspaces/<slug:workspace>/targets/<slug:name>/devices": '{"name": "another-device"}',
    "PATCH api/v1/workspaces/<slug:workspace>/targets/<slug:name>/devices/<slug:device>": '{"labels": []}',
    f"PUT {SERVICE}/traffic": '{"revisions": [{"revision": 1, "percent": 100}]}',
    f"POST {SERVICE}/traffic/promote": '{"revision": 1}',
    f"POST {SERVICE}/outcomes": '{"outcomes": [{"user": "ann", "value": 1}]}',
    f"POST {SERVICE}/scale": '{"replicas": 2}',
    f"POST {SERVICE}/rollout": '{"revision": 2}',
    f"POST {SERVICE}/client-keys": '{"name": "another-key"}',
}
CALLS = [
    pytest.param(route, method, id=f"{method} {route}")
    for route in all_routes()
    if "<" in route.pattern.partition(BELOW_WORKSPACE)[2]
    for method in route.methods()
]


@pytest.fixture
def foreign(workspace, elsewhere, mallory, settings, tmp_path):
    """Values of all parameters, by what they are parameters of. All belong to Mallory's workspace, none to ours."""
    settings.DATA_DIR = tmp_path
    version = make_version(elsewhere, "secret-model", user=mallory)
    config = make_config(elsewhere, mallory, files={"score.py": b"def init(): ...\ndef run(data): ...\n"})
    service = deploy(elsewhere, mallory, version, name="secret-service")
    BuiltBundle.objects.create(place="one", content_hash=service.revisions.get().content_hash)
    create_client_key(service, mallory, "secret-key")
    plan = as_json(Plan(DEFAULT_STEPS))
    Rollout.objects.create(service=service, control=1, candidate=2, plan=plan)
    dave = User.objects.create_user("dave", password="a-long-password")
    Membership.objects.create(user=dave, workspace=elsewhere, role=Role.VIEWER)
    token = create_token(mallory, elsewhere, name="secret-token")[0].pk
    invitation = create_invitation(elsewhere, role=Role.VIEWER, actor=mallory)[0].pk
    target = elsewhere.targets.create(name="secret-target", kind="edge")
    add_device(target, mallory, "secret-device")
    DeviceRollout.objects.create(target=target, service=service)
    export = EdgeExport.objects.create(service=service, revision=service.revisions.get(), digest="0" * 64)
    export.path.parent.mkdir(parents=True, exist_ok=True)
    export.path.write_bytes(b"archive")
    elsewhere.registries.create(name=target.name, address="r.example")  # its page has the name in the same place
    text = version.files.get(path="model.onnx").artifact
    place = {"image_hash": "0" * 64, "place": "x", "tag": "x", "image_id": "x", "reference": "x"}
    image = BuiltImage.objects.create(workspace=elsewhere, bill=text, licences=text, **place)
    package = Package.objects.create(workspace=elsewhere, version=version, config=config, digest="0" * 64)
    package.path.parent.mkdir(parents=True, exist_ok=True)
    package.path.write_bytes(b"archive")
    conversion = make_conversion(version)
    profile = make_profile(elsewhere, mallory, version)
    upload = uploads.begin(elsewhere, mallory, "model.onnx", 3)
    own = f"{config.name}:{config.number}"
    return {
        "models": {"name": "secret-model", "number": 1, "path": "model.onnx"},
        "versions": {"reference": "secret-model:1", "path": "model.onnx"},
        "environments": {"name": config.environment.name, "number": 1, "reference": own},
        "configs": {"name": config.name, "number": 1, "reference": own, "path": "score.py"},
        "services": {
            "name": service.name,
            "slot": "primary",
            "key": "secret-key",
            "revision": 1,
            "pk": export.pk,
            "export": export.pk,
        },
        "registries": {"name": target.name},
        "images": {"pk": image.pk, "image": image.pk},
        "packages": {"pk": package.pk, "package": package.pk},
        "conversions": {"pk": conversion.pk, "conversion": conversion.pk, "variant": "onnx"},
        "profiles": {"reference": profile.pk, "profile": profile.pk},
        "targets": {"name": target.name, "device": "secret-device", "service": service.name},
        "settings": {
            "name": target.name,
            "device": "secret-device",
            "service": service.name,
            "token": token,
            "invitation": invitation,
            "username": "dave",
        },
        "members": {"username": "dave"},
        "tokens": {"pk": token},
        "invitations": {"pk": invitation},
        "uploads": {"pk": upload.pk},
    }


def call(client, route: Route, method: str, workspace: str, foreign):
    place = route.pattern.partition(BELOW_WORKSPACE)[2].partition("/")[0]
    address = route.path(workspace, **foreign[place])
    if route.is_rest:
        body = BODIES.get(f"{method} {route}", "{}")
        return client.generic(method, address, body, content_type="application/json")
    return client.generic(
        method, f"{address}?slot=primary", "slot=primary", content_type="application/x-www-form-urlencoded"
    )


@pytest.mark.parametrize(("route", "method"), CALLS)
def test_object_of_another_workspace_is_not_found(sign_in, alice, foreign, route, method):
    answer = call(sign_in(alice), route, method, "vision", foreign)

    assert answer.status_code in {OTHERWISE.get(route.pattern, NOT_FOUND), NOT_THIS_METHOD}


@pytest.mark.parametrize(("route", "method"), CALLS)
def test_object_is_found_in_its_own_workspace(sign_in, mallory, foreign, route, method):
    """Else the test above would pass for objects that do not exist."""
    status = call(sign_in(mallory), route, method, "elsewhere", foreign).status_code

    assert status not in {NOT_FOUND, OTHERWISE.get(route.pattern)}
