"""The curated set as of November 2026. A later one is another migration, which adds rows with higher numbers."""

from django.db import migrations

SET = {
    "slipway-onnx": (
        "ONNX Runtime with NumPy, pandas and Pillow, for scripts around ONNX models.",
        ["onnxruntime==1.31.*", "numpy==2.*", "pandas==3.*", "pillow==13.*"],
    ),
    "slipway-sklearn": (
        "scikit-learn with pandas and joblib.",
        ["scikit-learn==1.9.*", "numpy==2.*", "pandas==3.*", "joblib==1.*"],
    ),
    "slipway-boosting": (
        "XGBoost and LightGBM, with scikit-learn and pandas.",
        ["xgboost==3.2.*", "lightgbm==4.7.*", "scikit-learn==1.9.*", "numpy==2.*", "pandas==3.*"],
    ),
    "slipway-torch-cpu": (
        "PyTorch without CUDA. It comes from PyTorch's own package index, or from the folder of wheels.",
        ["torch==2.13.0+cpu", "numpy==2.*", "pandas==3.*"],
    ),
    "slipway-tensorflow": (
        "TensorFlow without CUDA, and Keras.",
        ["tensorflow-cpu==2.21.*", "numpy==2.*", "pandas==3.*"],
    ),
}


def add_set(apps, schema_editor):
    rows = apps.get_model("registry", "CuratedEnvironment").objects
    for name, (description, requirements) in SET.items():
        rows.get_or_create(name=name, number=1, defaults={"description": description, "requirements": requirements})


def remove_set(apps, schema_editor):
    apps.get_model("registry", "CuratedEnvironment").objects.filter(name__in=SET, number=1).delete()


class Migration(migrations.Migration):
    dependencies = [("registry", "0011_curated_environment")]
    operations = [migrations.RunPython(add_set, remove_set)]
