"""Options that say how requests become predictions: an entry script and what belongs to it, or Azure's file."""

from pathlib import Path
from typing import Annotated

import typer

from slipway.commands import completion

EntryScript = Annotated[
    str | None,
    typer.Option("--entry-script", "--es", help="A script with init() and run(); makes an inference config."),
]
SourceDir = Annotated[
    Path | None,
    typer.Option("--source-dir", "--source-directory", "--sd", help="Folder with the script and what it imports."),
]
Requirements = Annotated[
    Path | None,
    typer.Option("--requirements", "--conda-file", "--cf", help="The script's requirements.txt, or conda file."),
]
EnvironmentName = Annotated[
    str,
    typer.Option(
        "--environment",
        "--environment-name",
        "-e",
        metavar="NAME:VERSION",
        help="Environment to run in, if it exists.",
        autocompletion=completion.environments,
    ),
]
PythonVersion = Annotated[
    str,
    typer.Option("--python", "--python-version", metavar="VERSION", help="Such as 3.11; in place of a conda file's."),
]
InferenceConfig = Annotated[
    Path | None,
    typer.Option(
        "--inference-config",
        "--inference-config-file",
        "--ic",
        help="Azure's inferenceconfig.json, or YAML; makes an inference config.",
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        help="NAME:VERSION; may be repeated. None for a script that brings all it needs.",
        autocompletion=completion.versions,
    ),
]
DeploymentConfig = Annotated[
    Path | None,
    typer.Option(
        "--deployment-config",
        "--deploy-config-file",
        "--dc",
        help="deploymentconfig.json, or YAML; flags count more.",
    ),
]
Target = Annotated[
    str | None, typer.Option("--target", "--compute-target", "--ct", help="Where it runs. By default on this machine.")
]
Traffic = Annotated[
    float | None,
    typer.Option(
        "--traffic",
        "--tp",
        min=0,
        max=100,
        help="Per cent that the new revision gets beside the others; else all, once proven.",
    ),
]
