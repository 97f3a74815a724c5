"""Models loaded as a server loads them, without one around them."""

from pathlib import Path

import numpy as np

from scoring.contract import BundledModel, RunSettings
from scoring.engine.loaders import find_loader

RUN = RunSettings(service="s", workspace="w", revision=1, recipe="r", bundle="/")


def load(folder: Path, file: str, form: str, framework: str, **facts):
    """The model `m:1` of a file in `folder`."""
    bundled = BundledModel(name="m", version=1, path="", framework=framework, file=file, format=form, **facts)
    return find_loader(bundled)(bundled, folder, RUN)


def ask(model, **feed) -> dict:
    """All outputs by name, for inputs by name."""
    inputs = {name: np.asarray(value, model.inputs[name].dtype) for name, value in feed.items()}
    return dict(zip(model.output_names, model.compute(model.output_names, inputs), strict=True))
