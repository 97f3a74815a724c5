"""Which versions are served without a script, and what their environment needs. Pure: goes by what inspection found.

The version of the library that wrote a file is in the file for most formats; the environment has that version, so that
a model answers as it did where it was trained.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from scoring.pickled_names import LIBRARIES, is_allowed, is_foreign, is_trouble
from studio.core.errors import BadInput

ESTIMATORS = frozenset({"pickle", "skops"})
DISTRIBUTIONS = {"sklearn": "scikit-learn"}  # where a package is called otherwise than its module
# format in the words of the inspection: what loads it, beside the framework's own package
FORMATS: dict[str, tuple[str, ...]] = {
    "pickle": (),
    "skops": ("skops",),
    "xgboost-ubj": ("xgboost",),
    "xgboost": ("xgboost",),
    "lightgbm": ("lightgbm",),
    "catboost": ("catboost",),
    "torch": ("torch", "numpy"),
    "pt2": ("torch", "numpy"),
    "saved-model": ("tensorflow-cpu",),
    "keras": ("keras", "tensorflow-cpu"),
}
PACKAGE_OF = {"pytorch": "torch", "tensorflow": "tensorflow-cpu"}  # framework: its package, where that differs
# What cannot be told from a file: the newest release that reads it.
NEWEST = {"lightgbm": "lightgbm==4.*", "xgboost": "xgboost>=2,<4"}
WITH_COLUMNS = re.compile(r"^(sklearn\.compose\.|pandas\.)")  # finds columns by name, for which it takes frames
LARGE = frozenset({"xgboost", "torch", "tensorflow-cpu"})  # hundreds of megabytes each
SHOWN = 3  # names in a message


@dataclass(frozen=True)
class Serving:
    """How a version runs without code. `format` is the loader's; no `requirements`: in the studio's own environment."""

    runtime: str
    format: str = ""
    requirements: tuple[str, ...] = ()


ONNX = Serving("ONNX Runtime")


def serving_of(
    name: str,
    framework: str,
    framework_version: str,
    facts: Mapping[str, Any],
    own_requirements: Sequence[str] = (),
) -> Serving:
    """How the version `name` is served; `own_requirements` came with it (MLflow's requirements.txt).

    Raises `BadInput` for one that only an entry script can serve, which says why.
    """
    if framework == "onnx":
        return ONNX
    form = str(facts.get("format") or "")
    _check_format(name, framework, form, facts)
    _check_names(name, [str(one) for one in facts.get("globals") or []] if form in ESTIMATORS else [])
    needed = _needed(framework, framework_version, form, facts)
    own = [one for one in own_requirements if _name_of(one) not in {"mlflow", "mlflow-skinny"}]
    there = {_distribution(_name_of(one)) for one in own}
    requirements = [*own, *(one for one in needed if _distribution(_name_of(one)) not in there)]
    label = {"torch": "torchscript"}.get(form, form)
    return Serving(f"{framework} {framework_version}".strip(), label, tuple(dict.fromkeys(requirements)))


def fits(needed: Iterable[str], offered: Iterable[str]) -> bool:
    """Whether an environment with the requirements `offered` has all that is `needed`, in versions that will do, and
    nothing large beside it."""
    there = {_distribution(one.name): one for one in map(Requirement, offered)}
    asked = {_distribution(one.name): one for one in map(Requirement, needed)}
    if any(name in LARGE and name not in asked for name in there):
        return False
    return all(name in there and _agree(wanted, there[name]) for name, wanted in asked.items())


def _agree(wanted: Requirement, found: Requirement) -> bool:
    """Whether the two have a version in common: that which one of them pins."""
    for one, other in ((wanted, found), (found, wanted)):
        for pinned in (spec.version.replace("*", "0") for spec in one.specifier if spec.operator == "=="):
            try:
                if other.specifier.contains(Version(pinned), prereleases=True):
                    return True
            except InvalidVersion:
                continue
    return not wanted.specifier


def _check_format(name: str, framework: str, form: str, facts: Mapping[str, Any]) -> None:
    if framework == "custom" or form not in FORMATS:
        raise _needs_script(
            name, f"{name} is a {framework} model: it needs a script that loads it and answers requests."
        )
    if form == "torch" and not facts.get("torchscript"):
        raise _needs_script(
            name,
            f"{name} holds weights, or a module whose code is elsewhere: it needs an entry script that has the code.",
            hint="Or save it with torch.export.save(torch.export.export(…)), or as TorchScript: both run without code.",
        )


def _check_names(name: str, found: list[str]) -> None:
    """Refuse what would run code of the file's maker, and what no environment of ours would have."""
    if trouble := [one for one in found if is_trouble(one)]:
        raise BadInput(
            f"Loading {name} would run {', '.join(trouble[:SHOWN])}: it is not deployed without code.",
            code="unsafe_model",
            hint="Register a model from somebody you trust. An entry script may load it all the same.",
            field="config",
        )
    if foreign := [one for one in found if is_foreign(one)]:
        tops = ", ".join(list(dict.fromkeys(one.partition(".")[0] for one in foreign))[:SHOWN])
        raise _needs_script(name, f"{name} names {foreign[0]}, of a module that is not part of the model: {tops}.")
    if refused := [one for one in found if not is_allowed(one)]:
        raise _needs_script(name, f"{name} imports {refused[0]}, which is loaded in an entry script only.")


def _needs_script(name: str, message: str, *, hint: str = "") -> BadInput:
    return BadInput(
        message,
        code="needs_entry_script",
        hint=hint
        or "Make an inference config with an entry script (init and run) and choose it; or convert the model to ONNX, "
        "which runs without code.",
        field="config",
    )


def _needed(framework: str, version: str, form: str, facts: Mapping[str, Any]) -> list[str]:
    found = [str(one) for one in facts.get("globals") or []]
    tops = dict.fromkeys(one.partition(".")[0] for one in found)
    packages = [PACKAGE_OF.get(framework, framework), *FORMATS[form]]
    if form in ESTIMATORS:
        packages += ["scikit-learn", *(DISTRIBUTIONS.get(one, one) for one in tops if one in LIBRARIES)]
        packages += ["pandas"] if any(WITH_COLUMNS.match(one) for one in found) else []
    brought = {"numpy", "scipy", "joblib"} if form in ESTIMATORS else set()
    names = [one for one in dict.fromkeys(packages) if one not in brought]
    versions = {PACKAGE_OF.get(framework, framework): version, "skops": str(facts.get("skops_version") or "")}
    pinned = [_pinned(one, versions.get(one, "")) for one in names]
    return [*pinned, *numpy_for(framework, version, found)]


def _pinned(package: str, version: str) -> str:
    """`scikit-learn==1.9.1` where the version is known, `scikit-learn==1.9.*` where half of it is."""
    if not re.fullmatch(r"\d[\w.+]*", version):
        return NEWEST.get(package, package)
    return f"{package}=={version}" if version.count(".") > 1 else f"{package}=={version}.*"


def numpy_for(framework: str, version: str, found: list[str]) -> list[str]:
    """Which NumPy reads the file: arrays of NumPy 2 name numpy._core, and old scikit-learn was built against 1."""
    number = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version) if framework == "scikit-learn" else None
    if number and tuple(int(part or 0) for part in number.groups()) < (1, 4, 2):
        return ["numpy<2"]
    return ["numpy>=2"] if any(one.startswith("numpy._core") for one in found) else []


def _name_of(requirement: str) -> str:
    return Requirement(requirement).name.lower()


def _distribution(name: str) -> str:
    """Builds of one library for other machines count as it."""
    return {"xgboost-cpu": "xgboost", "tensorflow": "tensorflow-cpu"}.get(name.lower(), name.lower())
