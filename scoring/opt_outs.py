"""Environment variables that keep libraries from reporting usage to their makers by themselves.

They must stand in the environment before the library is imported; many look only then. Every process of ours gets
them: `import scoring` sets them where nobody has, and processes that are started with an environment made for them
get the table.
"""

from collections.abc import MutableMapping

OPT_OUTS = {
    # The general request; many small libraries follow it. onnxruntime, bentoml, ray and others do not.
    "DO_NOT_TRACK": "1",
    # onnxruntime reports from the import on: a device id and a queue in ~/.cache/Microsoft, a look-up of its collector.
    "ORT_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "BENTOML_DO_NOT_TRACK": "True",
    "RAY_USAGE_STATS_ENABLED": "0",
}


def opt_out(environment: MutableMapping[str, str]) -> None:
    """Set every variable of the table that `environment` lacks; a value that somebody chose stays."""
    for name, value in OPT_OUTS.items():
        environment.setdefault(name, value)
