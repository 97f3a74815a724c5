"""The options of `az ml model register` and `model deploy`, and the files that they name."""

import json

import pytest

SCRIPT = "def init(): ...\ndef run(data): return data\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder as users of Azure have it, which is the present one: score.py, its sources, a conda file."""
    folder = tmp_path / "project"
    (folder / "src" / "lib").mkdir(parents=True)
    (folder / "score.py").write_text(SCRIPT)
    (folder / "src" / "score.py").write_text(SCRIPT)
    (folder / "src" / "lib" / "labels.txt").write_text("a")
    (folder / "env.yml").write_text("dependencies: [python=3.11, {pip: [joblib]}]")
    (folder / "deploymentconfig.yml").write_text("computeType: aci\ncontainerResourceRequirements: {cpu: 0.5}\n")
    monkeypatch.chdir(folder)
    return folder


def inference_config(folder, as_yaml=False, **more):
    document = {"entryScript": "score.py", **more}
    if as_yaml:
        lines = [f"{name}: {value}\n" for name, value in document.items()]
        (folder / "ic.yml").write_text("".join(lines))
        return folder / "ic.yml"
    (folder / "ic.json").write_text(json.dumps(document))
    return folder / "ic.json"


def sent(studio):
    """Paths of the files that the newest config was made of."""
    return sorted(studio.uploads[key]["path"] for key in studio.configs[-1]["files"])


@pytest.mark.parametrize("command", [["service", "deploy"], ["model", "deploy", "--no-wait"]])
@pytest.mark.parametrize("as_yaml", [False, True])
def test_inference_config_makes_a_config_of_its_source_directory(slipway, registered, project, command, as_yaml):
    file = inference_config(project, as_yaml, sourceDirectory="./src", condaFile="env.yml", enableGpu="x")
    answer = slipway(*command, "-n", "iris", "-m", "iris:1", "--ic", file, "--dc", "deploymentconfig.yml")
    assert answer.code == 0, answer.err
    assert registered.imported["conda"] == (project / "env.yml").read_text()
    assert registered.imported["name"] == "iris"
    assert sent(registered) == ["lib/labels.txt", "score.py"]
    assert registered.configs[-1]["environment"] == "iris:1"
    assert "Warning: enableGpu has no effect: no GPU is reserved." in answer.err
    asked = registered.services["iris"]["asked"]
    assert asked["config"] == "iris:1"
    assert asked["deployment_config"] == {"computeType": "aci", "containerResourceRequirements": {"cpu": 0.5}}


def test_dockerfiles_that_an_inference_config_names_come_along(slipway, registered, project):
    (project / "steps").write_text("RUN apt-get update\n")
    (project / "Base").write_text("FROM python:3.11-slim\n")
    file = inference_config(project, sourceDirectory="src", extraDockerfileSteps="steps")
    assert slipway("service", "deploy", "-n", "a", "-m", "iris:1", "--ic", file).code == 0
    assert registered.imported["inferenceconfig"]["extraDockerfileSteps"] == "RUN apt-get update\n"
    environment = {"name": "own", "docker": {"baseDockerfile": "Base"}}
    file = inference_config(project, sourceDirectory="src", environment=environment)
    assert slipway("service", "deploy", "-n", "b", "-m", "iris:1", "--ic", file).code == 0
    sent_docker = registered.imported["inferenceconfig"]["environment"]["docker"]
    assert sent_docker == {"baseDockerfile": "FROM python:3.11-slim\n"}


def test_paths_of_an_inference_config_are_relative_to_it_or_to_the_present_folder(slipway, registered, project):
    (project / "deploy").mkdir()
    file = inference_config(project / "deploy", sourceDirectory="src", condaFile="env.yml")
    assert slipway("service", "deploy", "-n", "a", "-m", "iris:1", "--ic", file).code == 0
    assert sent(registered) == ["lib/labels.txt", "score.py"]
    (project / "deploy" / "src").mkdir()
    (project / "deploy" / "src" / "score.py").write_text(SCRIPT)
    assert slipway("service", "deploy", "-n", "b", "-m", "iris:1", "--ic", file).code == 0
    assert sent(registered) == ["score.py"]


def test_inference_config_without_source_directory_sends_its_script_alone(slipway, registered, project):
    environment = {"name": "own", "environmentVariables": {"EXAMPLE_ENV_VAR": "1"}}
    file = inference_config(project, description="Scores", environment=environment)
    answer = slipway("service", "deploy", "-n", "iris", "-m", "iris:1", "--ic", file, "--environment", "mine:2")
    assert answer.code == 0, answer.err
    assert sent(registered) == ["score.py"]
    config = registered.configs[-1]
    assert (config["environment"], config["description"]) == ("mine:2", "Scores")
    assert config["environment_variables"] == {"EXAMPLE_ENV_VAR": "1"}


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"sourceDirectory": "absent"}, "There is no absent, which the inference config names as sourceDirectory."),
        ({"condaFile": "absent.yml"}, "There is no absent.yml, which the inference config names as condaFile."),
        ({"entryScript": "absent.py"}, "There is no absent.py, which the inference config names as entryScript."),
        ({"entryScript": 3}, "The inference config names no entryScript."),
    ],
)
def test_missing_file_of_an_inference_config_is_named_before_anything_is_sent(slipway, registered, project, more, told):
    file = inference_config(project, **more)
    answer = slipway("service", "deploy", "-n", "iris", "-m", "iris:1", "--ic", file)
    assert (answer.code, registered.configs) == (2, [])
    assert told in answer.err


def test_broken_inference_config_is_told_with_its_line(slipway, registered, project):
    (project / "ic.json").write_text('{\n"entryScript": "score.py"\n"x": 1}')
    answer = slipway("service", "deploy", "-n", "iris", "-m", "iris:1", "--ic", "ic.json")
    assert (answer.code, "ic.json is not JSON in line 3" in answer.err) == (2, True)
    (project / "ic.yml").write_text("entryScript: [")
    answer = slipway("service", "deploy", "-n", "iris", "-m", "iris:1", "--ic", "ic.yml")
    assert (answer.code, "ic.yml is neither JSON nor YAML" in answer.err) == (2, True)


def test_script_is_deployed_without_a_registered_model(slipway, signed_in, project):
    answer = slipway("service", "deploy", "-n", "iris", "--entry-script", "score.py", "--source-dir", "src")
    assert answer.code == 0, answer.err
    assert signed_in.services["iris"]["asked"]["models"] == []
    assert sent(signed_in) == ["lib/labels.txt", "score.py"]


def test_service_that_the_studio_calls_otherwise_is_waited_for_by_that_name(slipway, registered):
    deploy = registered.deploy
    registered.states["my-deploy"] = ["Healthy"]
    registered.deploy = lambda given: deploy(given | {"name": given["name"].replace("_", "-")})
    answer = slipway("service", "deploy", "-n", "my_deploy", "-m", "iris:1", "--wait", "--json")
    assert (answer.code, json.loads(answer.out)["name"]) == (0, "my-deploy")


def test_names_of_azure_mean_options_of_ours(slipway, registered, project):
    options = ["--cc", "2", "--gb", "1.5", "--es", "score.py", "--sd", "src", "--cf", "env.yml", "--ct", "edge"]
    answer = slipway("model", "deploy", "-n", "iris", "-m", "iris:1", "--no-wait", *options)
    assert answer.code == 0, answer.err
    asked = registered.services["iris"]["asked"]
    assert (asked["deployment_config"], asked["target"]) == ({"cpu": 2, "memory_gb": 1.5}, "edge")
    assert sent(registered) == ["lib/labels.txt", "score.py"]
    assert registered.imported["conda"] == (project / "env.yml").read_text()


def test_settings_of_azure_are_sent_by_their_keys_above_the_file(slipway, registered, project):
    options = ["--dc", "deploymentconfig.yml", "--ae", "false", "--tm", "2000", "--as", "True", "--ma", "3"]
    options += ["--gc", "1", "--tag", "a=b", "--namespace", "prod", "-g", "group", "-w", "space"]
    answer = slipway("model", "deploy", "-n", "iris", "-m", "iris:1", "--no-wait", *options)
    assert answer.code == 0, answer.err
    assert registered.services["iris"]["asked"]["deployment_config"] == {
        "computeType": "aci",
        "containerResourceRequirements": {"cpu": 0.5},
        "authEnabled": False,
        "scoringTimeoutMs": 2000,
        "autoScaler": {"autoscaleEnabled": True, "maxReplicas": 3},
        "gpuCores": 1,
        "tags": ["a=b"],
        "namespace": "prod",
    }
    assert "Warning: --resource-group, --workspace-name have no effect: " in answer.err
    for name in ("autoScaler", "gpuCores", "tags"):
        assert f"Warning: {name} has no effect: so be it." in answer.err


def test_image_settings_are_sent_with_the_inference_config(slipway, registered, project):
    options = ["--es", "score.py", "--bi", "image", "--rt", "python", "--eg", "true", "-e", "own", "--ev", "2"]
    answer = slipway("model", "deploy", "-n", "iris", "-m", "iris:1", "--no-wait", *options)
    assert answer.code == 0, answer.err
    assert registered.imported["inferenceconfig"] == {
        "entryScript": "score.py", "baseImage": "image", "runtime": "python", "enableGpu": True,
    }  # fmt: skip
    assert registered.configs[-1]["environment"] == "own:2"


def test_environment_directory_is_the_environment_of_the_config(slipway, registered, project):
    (project / "environment").mkdir()
    described = {"name": "own", "python": {"condaDependenciesFile": "conda_dependencies.yml"}}
    (project / "environment" / "azureml_environment.json").write_text(json.dumps(described))
    (project / "environment" / "conda_dependencies.yml").write_text("dependencies: [pip]")
    options = ["--es", "score.py", "--ed", "environment", "--no-wait"]
    answer = slipway("model", "deploy", "-n", "iris", "-m", "iris:1", *options)
    assert answer.code == 0, answer.err
    assert registered.imported["inferenceconfig"]["environment"] == described
    assert registered.imported["conda"] == "dependencies: [pip]"


def test_model_deploy_waits_unless_told_otherwise(slipway, registered):
    registered.states["iris"] = ["Transitioning", "Healthy"]
    answer = slipway("model", "deploy", "-n", "iris", "-m", "iris:1", "--json")
    assert json.loads(answer.out)["state"] == "Healthy"


def test_metadata_of_a_registration_names_the_model_to_deploy(slipway, signed_in, model, tmp_path):
    file = tmp_path / "model.json"
    assert slipway("model", "register", "-n", "iris", "-p", model, "-t", file).code == 0
    assert slipway("model", "deploy", "-n", "iris", "-f", file, "--no-wait").code == 0
    assert signed_in.services["iris"]["asked"]["models"] == ["iris:1"]


def test_resources_and_origin_are_registered(slipway, signed_in, model, tmp_path):
    options = ["--cc", "2", "--gb", "3", "--gc", "1", "--run-id", "r1", "--experiment-name", "e1"]
    options += ["--asset-path", "outputs/model.onnx", "--property", "team=vision"]
    assert slipway("model", "register", "-n", "iris", "-p", model, *options).code == 0
    assert signed_in.registered["resources"] == {"cpu": 2, "memory_gb": 3, "gpu": 1}
    assert signed_in.versions["iris:1"]["properties"] == {
        "team": "vision", "run_id": "r1", "experiment_name": "e1", "asset_path": "outputs/model.onnx",
    }  # fmt: skip
    (tmp_path / "run.json").write_text('{"run_id": "r2", "experiment_name": "e2"}')
    assert slipway("model", "register", "-n", "iris", "-p", model, "-f", tmp_path / "run.json").code == 0
    assert signed_in.versions["iris:2"]["properties"] == {"run_id": "r2", "experiment_name": "e2"}


def test_registration_without_a_file_says_what_is_missing(slipway, signed_in):
    answer = slipway("model", "register", "-n", "iris", "--asset-path", "outputs/model.pkl", "--run-id", "r1")
    assert answer.code == 2
    assert "--asset-path outputs/model.pkl lies among the outputs of a run, and the studio keeps no runs" in answer.err
    assert "--path FILE" in slipway("model", "register", "-n", "iris").err
    twice = slipway("model", "register", "-n", "iris", "-p", "x", "--run-id", "r1", "--property", "run_id=r2")
    assert (twice.code, "run_id is given twice" in twice.err) == (2, True)
