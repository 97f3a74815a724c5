"""Environment variables that keep libraries from reporting usage to their makers of their own accord.

They must stand in the environment before the library is imported; many look only then. Every process of ours has
them: `import scoring` sets them where nobody else has, and processes that get an environment made for them get the
whole table. A deployment's own environment variables come after it.

Beside each: the library, and the newest version in whose source, or documentation, the variable was found. None of
them stops anything that a user asks a library to send. openvino-telemetry (2025.2) knows no variable of its own.
"""

from collections.abc import MutableMapping

OPT_OUTS = {
    "DO_NOT_TRACK": "1",  # evidently 0.7.23, kedro-telemetry 0.9.0, prefect 3.9.1, scarf-sdk 0.2.1
    # onnxruntime 1.32.0: from the import on a device id and a queue in ~/.cache/Microsoft, a look-up of its collector.
    # It takes no notice of DO_NOT_TRACK. CI=true stops it, too, so that no CI shows it.
    "ORT_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",  # mlflow 3.18.0
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub 2.4.0, for transformers, diffusers, datasets and gradio, too
    "BENTOML_DO_NOT_TRACK": "True",  # bentoml 1.4.40
    "RAY_USAGE_STATS_ENABLED": "0",  # ray 2.60.0
    "VLLM_NO_USAGE_STATS": "1",  # vllm, https://docs.vllm.ai/en/latest/serving/usage_stats.html
    # ultralytics 8.4.190: a look-up at the import, and reports. Downloads go on, installing packages at run time ends.
    "YOLO_OFFLINE": "true",
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",  # azure-monitor-opentelemetry-exporter, opencensus-ext-azure
    "WANDB_ERROR_REPORTING": "false",  # wandb 0.31.0
    "GRADIO_ANALYTICS_ENABLED": "False",  # gradio 6.31.0
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",  # streamlit 1.67.0, browser.gatherUsageStats
    "HAYSTACK_TELEMETRY_ENABLED": "false",  # haystack-ai 3.4.1
    "GX_ANALYTICS_ENABLED": "false",  # great-expectations 1.24.1
    "DISABLE_DEEPCHECKS_ANONYMOUS_TELEMETRY": "1",  # deepchecks 0.19.1
    "YDATA_PROFILING_NO_ANALYTICS": "1",  # ydata-profiling 4.18.4
    "ZENML_ANALYTICS_OPT_IN": "false",  # zenml 0.98.0
    "DVC_NO_ANALYTICS": "1",  # dvc 3.67.1
}


def opt_out(environment: MutableMapping[str, str]) -> None:
    """Set every variable of the table that `environment` lacks; a value that somebody chose stays."""
    for name, value in OPT_OUTS.items():
        environment.setdefault(name, value)
