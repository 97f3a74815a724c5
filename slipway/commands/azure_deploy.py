"""`slipway model deploy`: the names of `az ml model deploy`, for scripts that come from there."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from slipway import documents, output
from slipway.commands import code_options, deploying, inference_files
from slipway.commands.azure_flags import DEPLOYMENT
from slipway.commands.deployment_flags import FLAGS
from slipway.commands.flags import with_flags
from slipway.commands.inference_files import InferenceFile
from slipway.commands.model_metadata import read_model
from slipway.commands.options import Timeout, given
from slipway.commands.profiling import recommended
from slipway.errors import Misuse

_OF_IMAGES = "Of images, which Slipway does not build."
Unused = Annotated[str, typer.Option(hidden=True)]


@with_flags(DEPLOYMENT, into="azure")
@with_flags(FLAGS, into="limits")
def deploy(  # noqa: PLR0913, PLR0917 - a parameter for each option
    name: Annotated[str, typer.Option("--name", "-n", help="Name of the service.")],
    model: code_options.Models = None,
    model_metadata_file: Annotated[
        list[Path] | None, typer.Option("--model-metadata-file", "-f", help="What model register has written with -t.")
    ] = None,
    inference_config: code_options.InferenceConfig = None,
    deployment_config: code_options.DeploymentConfig = None,
    target: code_options.Target = None,
    environment: code_options.EnvironmentName = "",
    environment_version: Annotated[str, typer.Option("--environment-version", "--ev", help="Else the newest.")] = "",
    environment_directory: Annotated[
        Path | None, typer.Option("--environment-directory", "--ed", help="With azureml_environment.json.")
    ] = None,
    entry_script: code_options.EntryScript = None,
    source_dir: code_options.SourceDir = None,
    requirements: code_options.Requirements = None,
    python_version: code_options.PythonVersion = "",
    runtime: Annotated[str, typer.Option("--runtime", "--rt", help="python; others have no effect.")] = "",
    docker_steps: Annotated[str, typer.Option("--extra-docker-file-steps", "--ds", help=_OF_IMAGES)] = "",
    base_image: Annotated[str, typer.Option("--base-image", "--bi", help=_OF_IMAGES)] = "",
    base_image_registry: Annotated[str, typer.Option("--base-image-registry", "--ir", help=_OF_IMAGES)] = "",
    enable_gpu: Annotated[str, typer.Option("--enable-gpu", "--eg", help="Has no effect.")] = "",
    cuda_version: Annotated[str, typer.Option("--cuda-version", "--cv", help="Has no effect.")] = "",
    description: Annotated[str, typer.Option("--description", "-d", help="What it is for.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Give a service that exists a new revision.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait until it is Healthy.")] = False,
    timeout: Timeout = 900,
    profile_input: Annotated[
        Path | None,
        typer.Option("--profile-input", "--pi", help="Resources as `model profile -t` wrote them."),
    ] = None,
    resource_group: Annotated[str, typer.Option("--resource-group", "-g", hidden=True)] = "",
    workspace_name: Annotated[str, typer.Option("--workspace-name", "-w", hidden=True)] = "",
    subscription_id: Annotated[str, typer.Option("--subscription-id", hidden=True)] = "",
    *,
    limits: dict[str, Any],
    azure: dict[str, Any],
) -> None:
    """Deploy as `az ml model deploy` does, with its options; waits until the service is Healthy.

    Without --model the script must bring all it needs. What has no meaning here is named and has no effect.
    """
    models = [*(model or []), *(read_model(file) for file in model_metadata_file or [])]
    document = given(
        entryScript=entry_script,
        sourceDirectory=str(source_dir.absolute()) if source_dir else "",
        condaFile=str(requirements.absolute()) if requirements else "",
        runtime=runtime,
        extraDockerfileSteps=docker_steps,
        baseImage=base_image,
        baseImageRegistry=base_image_registry,
        enableGpu=_plain(enable_gpu),
        cudaVersion=cuda_version,
    )
    reference = f"{environment}:{environment_version}" if environment_version else environment
    source = _source(inference_config, environment_directory, document, reference, python_version)
    _print_unused(
        "`slipway login` and `slipway workspace use` say which workspace is meant.",
        resource_group=resource_group,
        workspace_name=workspace_name,
        subscription_id=subscription_id,
    )
    limits = recommended(profile_input) | limits if profile_input else limits
    facts = given(
        deployment_config=deploying.options(limits, "", deployment_config, _typed(azure)),
        description=description,
        overwrite=overwrite or None,
        target=target,
    )
    service = deploying.deploy(name, models, source, facts, None if no_wait else timeout)
    output.result(service, lambda: deploying.show(service))


def _source(
    file: Path | None, folder: Path | None, flags: dict[str, Any], environment: str, python_version: str
) -> InferenceFile | None:
    """The inference config that files and flags describe together; flags count more. Raises `Misuse`."""
    document = documents.load(file) if file else {}
    if folder:
        document["environment"] = inference_files.load_environment(folder)
    document |= flags
    if not document:
        if environment or python_version:
            raise Misuse("--environment and --python go with --entry-script or --inference-config.")
        return None
    return InferenceFile(document, file.parent if file else folder or Path(), environment, python_version)


def _typed(settings: dict[str, Any]) -> dict[str, Any]:
    """Values of flags as deploymentconfig.json has them: numbers and switches for texts that are some."""
    return {name: _typed(one) if isinstance(one, dict) else _plain(one) for name, one in settings.items()}


def _plain(value: Any) -> Any:
    try:
        found = json.loads(value.lower())
    except (AttributeError, ValueError):
        return value
    return found if isinstance(found, (bool, int, float)) else value


def _print_unused(why: str, **options: str) -> None:
    names = [f"--{name.replace('_', '-')}" for name, value in options.items() if value]
    if names:
        output.note(f"Warning: {', '.join(names)} {'has' if len(names) == 1 else 'have'} no effect: {why}")
