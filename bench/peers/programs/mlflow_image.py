"""Build an image of a saved model with MLflow: `python mlflow_image.py folder name base-image`."""

import sys

import mlflow.models

folder, name, base = sys.argv[1:]
mlflow.models.build_docker(model_uri=folder, name=name, env_manager="local", base_image=base)
