"""The deploy form's fields for options: units, defaults, errors, and options without a field."""

import json

import pytest

from deployments.models import Service
from deployments.views import option_fields
from deployments.views.deploy_form import DeployForm
from tests.deployments.service_factories import deploy
from tests.pages import text_of, url

pytestmark = pytest.mark.django_db
CHOSEN = {
    "batching": {"rows": 16, "delay_seconds": 0.005, "pad": {"tokens": 0.0}},
    "queue_limit": 4,
    "queue_wait_seconds": 0.0,
    "connections_limit": 64,
    "providers": ["cuda", "cpu"],
    "cors_origins": ["https://example.com", "http://localhost:3000"],
    "log_format": "json",
    "access_log": True,
    "collect": {"fraction": 0.07, "max_bytes": 64 * 1024 * 1024, "inputs": False},
}
NEEDED = {"name": "iris", "models": "iris:1", "auth": "key"}


def errors(workspace, **given) -> dict[str, list[str]]:
    return DeployForm(workspace, NEEDED | given).errors


def test_fields_show_milliseconds_percent_and_megabytes():
    shown = option_fields.initial_of({"server": CHOSEN})
    assert shown["server_batching_delay_seconds"] == 5
    assert shown["server_collect_fraction"] == 7
    assert shown["server_collect_max_bytes"] == 64
    assert shown["server"] == {"batching": {"pad": {"tokens": 0.0}}, "collect": {"inputs": False}}


def test_update_without_changes_keeps_every_option(sign_in, bob, workspace, iris, fake):
    deploy(workspace, bob, iris, target=fake.target, deployment_config={"server": CHOSEN})
    client = sign_in(bob)
    form = client.get(url("deploy") + "?service=iris").context["form"]
    posted = {name: form[name].value() for name in form.fields}
    sent = {name: value for name, value in posted.items() if value is not None and value is not False}
    answer = client.post(url("deploy") + "?service=iris", sent)
    assert answer.status_code == 302, text_of(answer)
    service = Service.objects.get()
    assert [revision.deployment_config["server"] for revision in service.revisions.all()] == [CHOSEN, CHOSEN]


def test_collection_with_defaults_is_shown_as_all_requests():
    assert option_fields.initial_of({"server": {"collect": {}}}) == {"server_collect_fraction": 100}
    assert option_fields.chosen_in({"server_collect_fraction": 100.0}) == {"server": {"collect": {"fraction": 1}}}


def test_size_that_is_no_whole_megabyte_stays_json():
    shown = option_fields.initial_of({"server": {"collect": {"max_bytes": 5000}}})
    assert shown == {"server_collect_fraction": 100, "server": {"collect": {"max_bytes": 5000}}}


def test_empty_fields_leave_the_defaults(workspace, iris):
    form = DeployForm(workspace, NEEDED | {"server": "", "server_providers": " ", "server_log_format": ""})
    assert form.is_valid()
    assert "deployment_config" not in form.body()


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("cpu", "900", "Must lie between 0.1 and 256."),
        ("cpu", "two", "Enter a number."),
        ("memory_gb", "nan", "Enter a number."),
        ("processes", "1.5", "Enter a whole number."),
        ("max_body_mb", "1001", "Must lie between 1 and 1,000."),
        ("server_batching_rows", "0", "Must lie between 1 and 4,096."),
        ("server_batching_delay_seconds", "10001", "Must lie between 0 and 10,000."),
        ("server_queue_limit", "-1", "Must lie between 1 and 100,000."),
        ("server_collect_fraction", "101", "Must lie between 0 and 100."),
        ("server_providers", "cuda, abacus", "'abacus' is not one of cpu, cuda"),
        (
            "server_cors_origins",
            "https://a.com\nexample.com",
            "'example.com' does not fit. Write it as https://example.com.",
        ),
        ("server_cors_origins", "https://example.com/page", "'https://example.com/page' does not fit."),
        ("server_log_format", "xml", "not one of the available choices"),
        ("server", "{", "valid JSON"),
        ("server", "[1]", "Write an object of options"),
        ("server", '{"batching": 1}', "Write an object of options"),
        ("server", '{"turbo": 1}', "no option 'turbo'"),
        ("server", '{"queue_limit": "4"}', "Expected `int`, got `str`"),
    ],
)
def test_invalid_value_is_reported_at_its_field_only(workspace, field, typed, words):
    found = errors(workspace, **{field: typed})
    assert list(found) == [field]
    assert words in found[field][0]


def test_every_invalid_field_is_reported_at_once(workspace):
    found = errors(workspace, cpu="900", server_batching_rows="x", server='{"turbo": 1}')
    assert set(found) == {"cpu", "server_batching_rows", "server"}


def test_option_with_two_values_is_rejected(workspace):
    [text] = errors(workspace, server_queue_limit="4", server='{"queue_limit": 5}')["server"]
    assert text == "'queue_limit' has a field of its own: leave it out here."
    assert not errors(workspace, server_queue_limit="4", server='{"queue_limit": 4}')


def test_collection_size_needs_a_share(workspace):
    assert "which share" in errors(workspace, server_collect_max_bytes="10")["server_collect_fraction"][0]
    assert not errors(workspace, server_collect_max_bytes="10", server_collect_fraction="0")


def test_error_opens_the_advanced_settings_and_is_linked_at_the_top(sign_in, bob, workspace, iris):
    client = sign_in(bob)
    assert '<details class="settings">' in client.get(url("deploy")).content.decode()
    page = client.post(url("deploy"), NEEDED | {"server_batching_rows": "0"})
    assert page.status_code == 422
    assert '<details class="settings" open>' in page.content.decode()
    assert '<a href="#id_server_batching_rows">Largest batch (rows)</a>' in page.content.decode()


def test_error_elsewhere_leaves_the_advanced_settings_closed(sign_in, bob, workspace, iris):
    page = sign_in(bob).post(url("deploy"), NEEDED | {"name": "Iris!"})
    assert '<details class="settings">' in page.content.decode()


def test_server_field_without_options_is_empty(sign_in, bob, workspace, iris):
    form = sign_in(bob).get(url("deploy") + "?version=iris:1").context["form"]
    assert form["server"].value() == ""


def test_settings_tab_uses_the_labels_of_the_form(sign_in, bob, workspace, iris, fake):
    config = {"server": CHOSEN, "environment_variables": {"LEVEL": "high"}}
    deploy(workspace, bob, iris, target=fake.target, deployment_config=config)
    context = sign_in(bob).get(url("service_detail", name="iris") + "?tab=settings").context
    shown = dict(context["config"])
    assert shown["Batching delay"] == "5 ms"
    assert shown["Requests collected"] == "7 %"
    assert shown["Connections limit"] == "64"
    assert shown["Execution providers"] == "cuda, cpu"
    assert shown["Log every request"] == "yes"
    assert json.loads(shown["Padding"]) == {"tokens": 0.0}
    assert (shown["CPU"], shown["Calls need"]) == ("1 core", "a key")
    assert context["variables"] == {"LEVEL": "high"}
