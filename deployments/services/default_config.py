"""The inference config of a deployment that names none: the sample's own script for a sample, else no code."""

from collections.abc import Sequence

from deployments.config import configs, default_environments
from deployments.models import InferenceConfig
from deployments.models.config import ConfigKind
from deployments.services import samples
from registry.models import ModelVersion
from studio.accounts.models import User
from studio.core.errors import BadInput


def kind_for(versions: Sequence[ModelVersion]) -> ConfigKind:
    """The kind of the default config. Raises `BadInput` for models that have none; writes nothing."""
    if len(versions) != 1:
        raise BadInput(
            "Several models in one service need an entry script that says what to do with them.",
            hint="Create an inference config with an entry script and choose it here.",
            field="config",
        )
    if samples.has_script(versions[0]):
        return ConfigKind.ENTRY_SCRIPT
    default_environments.serving_of(versions[0])
    return ConfigKind.NO_CODE


def check_without_code(versions: Sequence[ModelVersion], config: InferenceConfig) -> None:
    """Raises `BadInput` for versions that a config of the kind no code cannot serve."""
    for version in versions:
        if default_environments.serving_of(version).requirements and config.environment is None:
            raise BadInput(
                f"{config} runs in the studio's own environment, which has no {version.framework}.",
                hint="Leave the config out: the studio then chooses an environment by what the file names. Or choose "
                "one that has an environment of your own.",
                field="config",
            )


def ensure_default_config(version: ModelVersion, actor: User) -> InferenceConfig:
    """Find the default config, or create it with its environment. Call it inside the transaction that needs it."""
    return samples.config_for(version, actor) or configs.default_for(version, actor)
