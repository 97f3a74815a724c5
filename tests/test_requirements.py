"""The lock files hold what requirements*.in name, and those name all that the product imports."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OPTIONAL = {"opentelemetry"}  # used where a service's environment has it; its absence is told in the log
# What the loaders and converters import: each is in the environments of the models that it is for, and nowhere else.
LOADED = {"catboost", "joblib", "keras", "lightgbm", "pandas", "sklearn", "skops", "tensorflow", "torch", "xgboost"}
LOADED |= {"onnxmltools", "skl2onnx"}
PRODUCT = ("studio", "registry", "deployments", "monitoring", "scoring", "slipway")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def asked_for(file: str) -> set[str]:
    lines = (ROOT / file).read_text().splitlines()
    return {normal(found[0]) for line in lines if (found := re.match(r"[A-Za-z0-9][\w.-]*", line))}


def imported_by(source: Path) -> set[str]:
    """Top names of what a file imports, wherever in it, but for files beside it: one that is run may import those."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
    beside = {sibling.stem for sibling in source.parent.glob("*.py")}
    return {name.partition(".")[0] for name in names} - beside


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_lock_has_every_named_requirement(name):
    locked = {normal(found) for found in re.findall(r"^([\w.-]+)==", (ROOT / f"{name}.txt").read_text(), re.MULTILINE)}
    assert asked_for(f"{name}.in") <= locked


def test_every_imported_package_is_a_named_requirement():
    imported = set().union(*(imported_by(source) for folder in PRODUCT for source in (ROOT / folder).rglob("*.py")))
    foreign = imported - set(sys.stdlib_module_names) - set(PRODUCT) - OPTIONAL - LOADED
    known, asked = packages_distributions(), asked_for("requirements.in")
    assert [name for name in sorted(foreign) if not asked & {normal(each) for each in known.get(name, [])}] == []
