"""Names of services."""

import pytest

from deployments.services.names import suggest_name
from studio.core.errors import BadInput
from tests.deployments.service_factories import deploy


@pytest.mark.parametrize(
    ("text", "name"), [("my_deploy", "my-deploy"), ("Iris_v2", "iris-v2"), ("_", "service"), ("a" * 70, "a" * 55)]
)
def test_proposed_name_is_derived_from_the_text(text, name):
    assert suggest_name(text) == name


@pytest.mark.django_db
def test_impossible_name_is_rejected_with_a_valid_proposal(workspace, bob, iris, fake):
    with pytest.raises(BadInput, match=r"'My deploy' is not a possible service name. .*lower-case letters") as refused:
        deploy(workspace, bob, iris, name="My deploy", target=fake.target)
    assert refused.value.hint == "For example: my-deploy."
