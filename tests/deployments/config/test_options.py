"""The table of options, and every list of options that is read from it."""

import dataclasses
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from deployments.api.deployment_config import schema
from deployments.config import deployment_config, option_tables, options
from deployments.config.option_words import in_words
from deployments.errors import BadDeploymentConfig
from deployments.views import equivalent_commands
from deployments.views.deploy_form import DeployForm
from scoring.contract import ServerOptions
from slipway.commands.flags import Flag, with_flags

FACTS = {"label": "Burst", "help": "Requests above the limit.", "unit": "requests", "low": 1, "high": 9}


@pytest.fixture
def burst(monkeypatch):
    """One more option, declared in one line."""
    declared = options.option(4, **FACTS, group=options.LIMITS, flag="--burst", spec="burst", convert=lambda n: n * 10)
    extended = dataclasses.make_dataclass(
        "Extended", [("burst", int, declared)], bases=(options.DeploymentConfig,), frozen=True, kw_only=True
    )
    monkeypatch.setattr(options, "DeploymentConfig", extended)
    monkeypatch.setattr(options, "OPTIONS", options.table_of(extended))


@pytest.mark.usefixtures("burst")
class TestAddedOption:
    def test_added_option_is_validated_defaulted_stored_and_read(self):
        assert deployment_config.complete({}).burst == 4
        config = deployment_config.complete({"burst": 7})
        assert deployment_config.to_json(config)["burst"] == 7
        assert deployment_config.read({"burst": 7}) == dataclasses.replace(deployment_config.read({}), burst=7)
        with pytest.raises(BadDeploymentConfig, match="burst must lie between 1 and 9; it is 10"):
            deployment_config.complete({"burst": 10})

    @pytest.mark.django_db
    def test_added_option_is_a_field_of_the_deploy_form(self, workspace, iris_version):
        form = DeployForm(workspace, {"name": "iris", "models": "iris:1", "burst": "5"})
        assert form.is_valid(), form.errors
        assert form.body()["deployment_config"] == {"burst": 5}
        [below] = [fields for heading, _, fields in form.advanced if heading == options.LIMITS]
        assert [field.label for field in below][-1] == "Burst (requests)"
        assert "Must lie between 1 and 9." in DeployForm(workspace, {"burst": "10"}).errors["burst"]

    def test_added_option_is_in_the_openapi_document(self):
        assert schema()["properties"]["burst"] == {
            "type": "integer",
            "nullable": True,
            "description": "Burst in requests. Requests above the limit.",
            "minimum": 1,
            "maximum": 9,
            "default": 4,
        }

    def test_added_option_is_a_flag_of_the_command_line(self):
        written: dict = {}
        exec(option_tables.flags_text(), written)
        assert _given(written["FLAGS"], "--burst", "6") == {"burst": 6}

    def test_added_option_is_in_the_equivalent_command(self):
        given = {"name": "a", "models": ["iris:1"], "deployment_config": {"burst": 6}}
        assert equivalent_commands.cli(given) == "slipway service deploy -n a -m iris:1 --burst 6 --wait"

    def test_added_option_is_in_the_specification_in_its_unit(self):
        assert deployment_config.limits_of(deployment_config.read({"burst": 6}))["burst"] == 60

    def test_added_option_is_on_pages_and_in_the_docs(self):
        assert ("Burst", "6 requests") in in_words({"burst": 6})
        assert "| `burst` | `--burst` | `4` | 1 to 9 |" in option_tables.docs_text()


@pytest.fixture
def iris_version(workspace):
    from tests.registry.factories import make_version

    return make_version(workspace, "iris")


def _given(flags, *arguments) -> dict:
    """The parameters of a command called with these flags."""
    app, found = typer.Typer(), SimpleNamespace()

    @app.command()
    @with_flags(flags, into="limits")
    def deploy(*, limits):
        found.limits = limits

    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return found.limits


@pytest.mark.parametrize("path", option_tables.files(), ids=lambda path: path.name)
def test_generated_file_is_up_to_date(path):
    assert path.read_text() == option_tables.files()[path], f"run: {option_tables.COMMAND}"


def test_table_has_every_option_of_the_scoring_server():
    named = {option.path[1] for option in options.OPTIONS if option.path[0] == "server"}
    assert named == set(ServerOptions.__struct_fields__)


def test_range_and_default_of_a_server_option_are_those_of_the_server():
    rows = next(option for option in options.OPTIONS if option.name == "server.batching.rows")
    assert (rows.kind, rows.low, rows.high, rows.default) == ("whole", 1, 4096, None)


def test_config_of_a_revision_from_before_an_option_has_its_default(settings):
    config = deployment_config.read({"cpu": 2, "memory_gb": 0.5, "auth": True})
    assert (config.cpu, config.grpc, config.server) == (2, False, ServerOptions())
    assert config.start_deadline_seconds == settings.SLIPWAY["START_DEADLINE_SECONDS"]


def test_stored_config_is_plain_json_with_the_names_of_the_rest_api():
    config = deployment_config.complete({"token_auth": True, "server": {"access_log": True}})
    assert deployment_config.to_json(config) == {
        "cpu": 1,
        "memory_gb": 1,
        "processes": None,
        "start_deadline_seconds": 300,
        "scoring_timeout_seconds": 60,
        "max_body_mb": 100,
        "auth": False,
        "token_auth": True,
        "grpc": False,
        "environment_variables": {},
        "server": {"access_log": True},
    }


def test_limits_are_in_the_units_of_the_specification():
    limits = deployment_config.limits_of(deployment_config.read({"memory_gb": 0.5, "max_body_mb": 2, "cpu": 2}))
    assert (limits["memory_bytes"], limits["max_body_bytes"], limits["cpus"]) == (512 * 1024**2, 2 * 1024**2, 2)


def test_flag_values_are_converted_and_nested():
    flags = (
        Flag(path=("server", "batching", "delay_seconds"), flags=("--batch-delay",), type=float, help="", scale=0.001),
        Flag(path=("server", "providers"), flags=("--provider",), type=list[str], help=""),
        Flag(path=("auth",), flags=("--auth/--no-auth",), type=bool, help=""),
        Flag(path=("environment_variables",), flags=("--env",), type=list[str], help=""),
        Flag(path=("cpu",), flags=("--cpu",), type=float, help=""),
    )
    arguments = ["--batch-delay", "5", "--provider", "cuda", "--provider", "cpu", "--no-auth", "--env", "A=1"]
    assert _given(flags, *arguments) == {
        "server": {"batching": {"delay_seconds": 0.005}, "providers": ["cuda", "cpu"]},
        "auth": False,
        "environment_variables": {"A": "1"},
    }
