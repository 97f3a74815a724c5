"""The deploy page: its form, and the equivalent commands."""

import json
import re

import pytest
from django.utils.html import strip_tags

from deployments.config import configs
from deployments.models import Service
from deployments.views import equivalent_commands
from registry.environments import environments
from registry.models import Environment, VersionState
from registry.versions import samples
from tests.deployments.service_factories import deploy, make_config
from tests.pages import text_of, url
from tests.registry.factories import make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(fake, service):
    """A service that is Healthy."""
    return fake.visit(service, 2)


class TestDeployPage:
    def test_prefilled_form_can_be_submitted_unchanged(self, sign_in, bob, iris):
        client = sign_in(bob)
        page = client.get(url("deploy") + "?version=iris:1")
        form = page.context["form"]
        posted = {field.name: field.value() for field in form if field.value() not in (None, False)}
        answer = client.post(url("deploy"), posted)
        assert answer.status_code == 302
        assert answer["Location"] == url("service_detail", name="iris")
        assert str(Service.objects.get().revisions.get().models.get().version) == "iris:1"

    def test_script_without_a_model_version_is_deployed_and_updated(self, sign_in, bob, workspace, fake):
        client, config = sign_in(bob), str(make_config(workspace, bob))
        refused = client.post(url("deploy"), {"name": "echo", "models": "none", "auth": "key"})
        assert "Without a model version" in text_of(refused)
        given = {"models": "none", "config": config, "auth": "key"}
        assert client.post(url("deploy"), given | {"name": "echo"}).status_code == 302
        form = client.get(url("deploy") + "?service=echo").context["form"]
        assert (form["models"].value(), form["config"].value()) == ("none", config)
        assert client.post(url("deploy"), given | {"service": "echo"}).status_code == 302
        assert [revision.models.count() for revision in Service.objects.get().revisions.all()] == [0, 0]

    def test_name_that_was_changed_is_reported(self, sign_in, bob, iris):
        answer = sign_in(bob).post(url("deploy"), {"name": "my_deploy", "models": "iris:1", "auth": "key"}, follow=True)
        assert "The service is called my-deploy" in text_of(answer)

    def test_page_shows_the_equivalent_command_and_rest_call(self, sign_in, bob, iris):
        page = sign_in(bob).get(url("deploy") + "?version=iris:1")
        assert page.context["cli"] == "slipway service deploy -n iris -m iris:1 --wait"
        assert "/api/v1/workspaces/vision/services" in page.context["curl"]

    def test_equivalent_commands_follow_the_form(self, sign_in, bob, iris):
        answer = sign_in(bob).post(
            url("deploy_commands"), {"name": "flowers", "models": "iris:1", "cpu": "0.5", "auth": "key"}
        )
        assert answer.context["cli"] == "slipway service deploy -n flowers -m iris:1 --cpu 0.5 --wait"
        assert '"cpu": 0.5' in answer.context["curl"]
        assert not Service.objects.exists()

    def test_equivalent_command_has_every_option(self, sign_in, bob, iris):
        given = {
            "name": "iris",
            "models": "iris:1",
            "processes": "2",
            "start_deadline_seconds": "40",
            "auth": "none",
            "grpc": "on",
            "environment_variables": "A=b c",
            "server_batching_delay_seconds": "5",
            "server": '{"batching": {"pad": {"tokens": 0}}}',
            "overwrite": "on",
        }
        assert sign_in(bob).post(url("deploy_commands"), given).context["cli"].split(" \\\n  ") == [
            "slipway service deploy",
            "-n iris",
            "-m iris:1",
            "--processes 2",
            "--start-deadline 40",
            "--no-auth",
            "--grpc",
            "--env 'A=b c'",
            "--batch-delay 5",
            """--server '{"batching": {"pad": {"tokens": 0}}}'""",
            "--overwrite",
            "--wait",
        ]

    def test_commands_of_an_update_have_the_current_options(self, sign_in, bob, workspace, iris, fake):
        config = {"cpu": 0.5, "auth": False, "server": {"access_log": True}}
        deploy(workspace, bob, iris, target=fake.target, deployment_config=config)
        page = sign_in(bob).get(url("deploy") + "?service=iris")
        assert "--cpu 0.5" in page.context["cli"]
        assert "--no-auth" in page.context["cli"]
        assert "--access-log" in page.context["cli"]

    @pytest.mark.parametrize(
        ("chosen", "option", "kept"),
        [
            ("key", None, {"auth": True}),
            ("token", "--token-auth", {"auth": False, "token_auth": True}),
            ("none", "--no-auth", {"auth": False}),
        ],
    )
    def test_authentication_is_by_key_token_or_none(self, sign_in, bob, iris, chosen, option, kept):
        client, given = sign_in(bob), {"name": "iris", "models": "iris:1", "auth": chosen}
        command = client.post(url("deploy_commands"), given).context["cli"]
        assert [each for each in ("--token-auth", "--no-auth") if each in command] == ([option] if option else [])
        assert client.post(url("deploy"), given).status_code == 302
        config = Service.objects.get().revisions.get().deployment_config
        assert {name: config[name] for name in ("auth", "token_auth") if name in config} == kept
        assert client.get(url("deploy") + "?service=iris").context["form"]["auth"].value() == chosen

    def test_free_name_and_update_are_proposed(self, sign_in, bob, service):
        page = sign_in(bob).get(url("deploy") + "?version=iris:1")
        assert page.context["form"].initial["name"] == "iris-2"
        assert page.context["updatable"] == ["iris"]

    def test_version_picker_groups_ready_versions_by_model_with_framework(self, sign_in, bob, workspace, iris):
        make_version(workspace, "grapes", files={"model.pkl": b"x"}, framework_version="1.7.2")
        make_version(workspace, "iris")
        make_version(workspace, "iris", state=VersionState.REJECTED)
        choices = sign_in(bob).get(url("deploy") + "?version=iris:1").context["form"]["models"].field.widget.choices
        assert choices == [
            ("iris", [("iris:1", "iris:1 – onnx"), ("iris:2", "iris:2 – onnx")]),
            ("grapes", [("grapes:1", "grapes:1 – scikit-learn 1.7.2")]),
            ("none", "None: the script brings its model along"),
        ]

    def test_version_picker_keeps_a_version_that_is_not_offered(self, sign_in, bob, iris):
        answer = sign_in(bob).post(url("deploy"), {"name": "iris", "models": "iris:9"})
        assert '<option value="iris:9" selected>' in text_of(answer)

    def test_form_of_an_update_has_the_current_options(self, sign_in, bob, workspace, iris, fake):
        config = {"cpu": 0.5, "environment_variables": {"A": "1"}}
        deploy(workspace, bob, iris, target=fake.target, deployment_config=config)
        initial = sign_in(bob).get(url("deploy") + "?service=iris").context["form"].initial
        assert initial["models"] == "iris:1"
        assert (initial["cpu"], initial["environment_variables"]) == (0.5, {"A": "1"})

    def test_page_of_an_update_is_titled_update(self, sign_in, bob, service):
        page = sign_in(bob).get(url("deploy") + "?service=iris")
        assert page.context["form"]["memory_gb"].value() == 1
        assert not {"name", "overwrite"} & set(page.context["form"].fields)
        assert {"-n iris", "-m iris:1", "--overwrite"} <= set(page.context["cli"].split(" \\\n  "))

    def test_update_form_updates_its_service(self, sign_in, bob, workspace, service):
        make_version(workspace, "iris")
        client = sign_in(bob)
        page = client.get(url("deploy") + "?service=iris&version=iris:2")
        assert "Update iris to iris:2" in " ".join(text_of(page).split())
        posted = {field.name: field.value() for field in page.context["form"] if field.value() not in (None, False)}
        client.post(url("deploy"), posted | {"service": "iris"})
        newest = Service.objects.get(name="iris").revisions.get(number=2)
        assert str(newest.models.get().version) == "iris:2"

    def test_update_form_of_an_unknown_service_is_not_found(self, sign_in, bob, iris):
        client = sign_in(bob)
        assert client.get(url("deploy") + "?service=ghost").status_code == 404
        assert client.post(url("deploy"), {"service": "ghost", "models": "iris:1"}).status_code == 404
        assert not Service.objects.exists()

    def test_warm_up_request_is_stored_and_kept_by_an_update(self, sign_in, bob, iris):
        warm_up = {"body": {"data": [[1, 2, 3, 4]]}, "runs": 5}
        given = {"name": "iris", "models": "iris:1", "auth": "key", "server": json.dumps({"warm_up": warm_up})}
        client = sign_in(bob)
        assert client.post(url("deploy"), given).status_code == 302
        config = Service.objects.get().revisions.get().deployment_config
        assert config["server"] == {"warm_up": warm_up}
        initial = client.get(url("deploy") + "?service=iris").context["form"].initial
        assert initial["server"] == {"warm_up": warm_up}

    def test_form_of_an_update_has_the_requested_version(self, sign_in, bob, workspace, service):
        make_version(workspace, "iris")
        initial = sign_in(bob).get(url("deploy") + "?service=iris&version=iris:2").context["form"].initial
        assert (initial["models"], initial["more_models"]) == ("iris:2", "")

    @pytest.mark.parametrize(
        ("name", "files", "label"),
        [
            ("iris", None, "Automatic: no code, ONNX Runtime"),
            ("wine", "the sample's", "Automatic: the sample's script score.py"),
            ("tree", {"model.pkl": b"\x80\x04."}, "Choose one"),
        ],
    )
    def test_automatic_choice_of_config_names_what_will_run(self, sign_in, bob, workspace, name, files, label):
        if files == "the sample's":
            files = {"model.joblib": (samples.FOLDER / "wine" / "model.joblib").read_bytes()}
        make_version(workspace, name, **({"files": files} if files else {}))
        client = sign_in(bob)
        page = client.get(url("deploy") + f"?version={name}:1")
        assert page.context["form"]["config"].field.choices[0] == ("", label)
        assert ("The defaults work as they are." in text_of(page)) is (name != "tree")
        changed = text_of(client.post(url("deploy_config"), {"models": f"{name}:1"}))
        assert f'<option value="" selected>{label}'.replace("'", "&#x27;") in changed

    def test_model_without_script_links_to_the_composer(self, sign_in, bob, workspace):
        make_version(workspace, "tree", files={"model.pkl": b"\x80\x04."})
        page = text_of(sign_in(bob).get(url("deploy") + "?version=tree:1"))
        assert "Write a script for tree:1" in " ".join(page.split())
        assert f"{url('config_new')}?for=tree%3A1" in page

    def test_missing_config_is_one_error_of_its_field(self, sign_in, bob, workspace):
        make_version(workspace, "tree", files={"model.pkl": b"\x80\x04."})
        answer = sign_in(bob).post(url("deploy"), {"name": "tree", "models": "tree:1"})
        assert answer.status_code == 422
        assert dict(answer.context["form"].errors) == {
            "config": [
                "tree:1 is a scikit-learn model: it needs a script that loads it and answers requests. Choose an "
                "inference config that has one."
            ]
        }

    def test_several_models_are_deployed_with_a_script(self, sign_in, bob, workspace, iris):
        make_version(workspace, "tree", files={"model.pkl": b"x"})
        given = {"name": "both", "models": "iris:1", "more_models": "tree:1"}
        client = sign_in(bob)
        assert "Several models" in client.post(url("deploy"), given).context["form"].errors["config"][0]
        environment = environments.curated(workspace)
        script = b"def init(): ...\n\ndef run(data):\n    return data\n"
        configs.create(
            workspace=workspace,
            actor=bob,
            name="both",
            kind="entry_script",
            entry_script="score.py",
            files={"score.py": script},
            environment=environment,
        )
        assert client.post(url("deploy"), given | {"config": "both:1"}).status_code == 302
        models = Service.objects.get().revisions.get().models.all()
        assert {str(use.version) for use in models} == {"iris:1", "tree:1"}

    def test_equivalent_commands_keep_valid_values_and_name_invalid_fields(self, sign_in, bob, service):
        given = {"service": "iris", "models": "iris:1", "cpu": "900", "processes": "2", "reason": "more load"}
        page = sign_in(bob).post(url("deploy"), given)
        assert page.status_code == 422
        assert page.context["left_out"] == ["CPU (cores)"]
        parts = page.context["cli"].split(" \\\n  ")
        assert parts == [
            "slipway service deploy",
            "-n iris",
            "-m iris:1",
            "--reason 'more load'",
            "--processes 2",
            "--overwrite",
            "--wait",
        ]
        assert "The form has errors: CPU (cores)." in " ".join(text_of(page).split())

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"name": "Iris!", "models": "iris:1"}, "name"),
            ({"name": "iris", "models": "iris:9"}, "models"),
            ({"name": "iris", "models": ","}, "models"),
            ({"name": "iris", "models": ""}, "models"),
            ({"name": "iris", "models": "iris:1", "cpu": "0"}, "cpu"),
            ({"name": "iris", "models": "iris:1", "environment_variables": "NOVALUE"}, "environment_variables"),
            ({"name": "iris", "models": "iris:1", "config": "other:1"}, "config"),
            ({"name": "iris", "models": "iris:1", "server": '{"warm_up": {"runs": 3}}'}, "server"),
        ],
    )
    def test_rejected_form_keeps_its_input_and_shows_errors_beside_the_field(self, sign_in, bob, iris, given, field):
        answer = sign_in(bob).post(url("deploy"), given)
        assert answer.status_code == 422
        assert field in answer.context["form"].errors
        assert given["name"] in text_of(answer)
        assert not Service.objects.exists()

    def test_taken_name_is_rejected_with_the_next_step(self, sign_in, bob, service):
        answer = sign_in(bob).post(url("deploy"), {"name": "iris", "models": "iris:1"})
        assert answer.status_code == 422
        assert "overwrite" in answer.context["form"].errors["name"][0]

    def test_viewer_cannot_deploy(self, sign_in, carol, iris):
        client = sign_in(carol)
        assert client.get(url("deploy")).status_code == 403
        assert client.post(url("deploy"), {"name": "iris", "models": "iris:1"}).status_code == 403
        assert not Service.objects.exists()


def test_equivalent_commands_are_quoted_for_the_shell():
    given = {"name": "a", "models": ["x y:1"], "reason": "it's", "deployment_config": {"cpu": 2.0}}
    lines = ["slipway service deploy", "-n a", "-m 'x y:1'", """--reason 'it'"'"'s'""", "--cpu 2", "--wait"]
    assert equivalent_commands.cli(given) == " \\\n  ".join(lines)
    assert "'\"'\"'" in equivalent_commands.rest("http://h/a", given)


class TestWithoutCode:
    """Versions that are not ONNX and need no script."""

    FACTS = {"format": "pickle", "main_file": "model.pkl", "globals": ["sklearn.svm._classes.SVC"]}
    SIGNATURE = {"inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 4]}], "outputs": []}

    @pytest.fixture
    def version(self, workspace):
        return lambda number, **facts: make_version(
            workspace, "tree", files={"model.pkl": b"x"}, framework="scikit-learn", framework_version=number,
            facts=self.FACTS | facts, signature=self.SIGNATURE,
        )  # fmt: skip

    def test_environment_and_inputs_are_told_before_anything_is_deployed(self, sign_in, bob, version):
        version("1.7.2")
        page = sign_in(bob).get(url("deploy"), {"version": "tree:1"})
        text = " ".join(strip_tags(text_of(page)).split())
        assert re.search(
            r"Runs in a new environment no-code-scikit-learn with Python [\d.]+ and scikit-learn==1.7.2 ?\.", text
        )
        assert "It takes x (FP64, any × 4)." in text
        assert 'href="/w/vision/models/tree/1/convert/"' in text_of(page)
        assert not Environment.objects.filter(name="no-code-scikit-learn").exists()

    def test_curated_environment_is_linked(self, sign_in, bob, version):
        version("1.9.1")
        page = sign_in(bob).get(url("deploy"), {"version": "tree:1"}).content.decode()
        assert 'href="/w/vision/environments/slipway-sklearn/1/"' in page

    def test_without_a_network_the_folder_of_wheels_is_named(self, sign_in, bob, version, settings):
        settings.SLIPWAY = settings.SLIPWAY | {"OFFLINE": True}
        version("1.7.2")
        page = sign_in(bob).get(url("deploy"), {"version": "tree:1"}).content.decode()
        assert "The studio has no network" in page

    def test_unsafe_file_is_refused_with_what_it_would_run(self, sign_in, bob, version):
        version("1.9.1", globals=["sklearn.svm.SVC", "os.system"])
        answer = sign_in(bob).post(url("deploy"), {"name": "tree", "models": "tree:1"})
        assert answer.status_code == 422
        assert "Loading tree:1 would run os.system" in text_of(answer)
