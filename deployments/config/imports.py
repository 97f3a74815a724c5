"""Which modules source files import, and whether their environment will have them. Pure.

An import that nothing is known about is only a warning: a requirement may bring it along.
"""

import ast
import re
import sys
from collections.abc import Iterable, Mapping

from deployments.config.findings import Finding

# Where a distribution's name differs from its module's; the first is the one to recommend.
DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "attr": ("attrs",),
    # The server brings what scripts use of azureml, and none of these.
    "azureml.automl.runtime": ("azureml-automl-runtime",),
    "azureml.interpret": ("azureml-interpret",),
    "azureml.train.automl": ("azureml-train-automl-runtime", "azureml-train-automl"),
    "bs4": ("beautifulsoup4",),
    "Crypto": ("pycryptodome",),
    "cv2": ("opencv-python-headless", "opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"),
    "dateutil": ("python-dateutil",),
    "dotenv": ("python-dotenv",),
    "fitz": ("pymupdf",),
    "google": ("protobuf", "google-cloud-storage", "google-api-core"),
    "jose": ("python-jose",),
    "jwt": ("pyjwt",),
    "MySQLdb": ("mysqlclient",),
    "onnxruntime": ("onnxruntime", "onnxruntime-gpu"),
    "OpenSSL": ("pyopenssl",),
    "PIL": ("pillow", "pillow-simd"),
    "pkg_resources": ("setuptools",),
    "psycopg2": ("psycopg2-binary", "psycopg2"),
    "serial": ("pyserial",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn",),
    "skl2onnx": ("skl2onnx",),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-gpu"),
    "yaml": ("pyyaml",),
}
# What the scoring server offers to scripts in every environment.
BY_THE_SERVER = frozenset({"azureml", "azureml_inference_server_http"})
# Modules that no distribution has, and why.
NOWHERE = {
    "azureml_user": (
        "which is there in batch jobs only (ParallelRunStep)",
        "A script for batches has no service here: write one with init() and run(data).",
    ),
}
# What well-known distributions certainly bring along, for environments that are not locked yet.
BROUGHT_ALONG: dict[str, tuple[str, ...]] = {
    "lightgbm": ("numpy", "scipy"),
    "matplotlib": ("numpy", "pillow", "python-dateutil"),
    "onnx": ("numpy", "protobuf"),
    "onnxruntime": ("numpy", "protobuf"),
    "pandas": ("numpy", "python-dateutil"),
    "scikit-image": ("numpy", "scipy", "pillow", "networkx"),
    "scikit-learn": ("numpy", "scipy", "joblib", "threadpoolctl"),
    "scipy": ("numpy",),
    "tensorflow": ("numpy", "protobuf", "h5py"),
    "torchvision": ("numpy", "pillow", "torch"),
    "transformers": ("numpy", "requests", "tqdm", "pyyaml", "tokenizers", "safetensors", "huggingface-hub"),
    "xgboost": ("numpy", "scipy"),
}


def imports_of(tree: ast.AST) -> dict[str, int]:
    """Top-level names of imported modules (longer ones where those are packages apart) with the first import's line.

    Imports whose absence the script handles itself (`try: … except ImportError`) are left out, and so are
    those that only type checkers see.
    """
    found: dict[str, int] = {}
    waiting = [tree]  # no recursion: what people paste can be nested deeply
    while waiting:
        node = waiting.pop()
        for name in _imported_by(node):
            found[name] = min(node.lineno, found.get(name, node.lineno))  # type: ignore[attr-defined]
        if not _is_optional(node):
            waiting += ast.iter_child_nodes(node)
    return found


def _imported_by(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [_package_in(alias.name) for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return [_package_in(f"{node.module}.{alias.name}") for alias in node.names]
    return []


def _package_in(module: str) -> str:
    """The part of a dotted name that one distribution has as a whole: the first, unless a longer one is known."""
    parts = module.split(".")
    longer = (".".join(parts[:length]) for length in (3, 2))
    return next((name for name in longer if name in DISTRIBUTIONS), parts[0])


def _is_optional(node: ast.AST) -> bool:
    if isinstance(node, ast.Try):
        caught = " ".join(ast.unparse(handler.type) if handler.type else "Exception" for handler in node.handlers)
        return bool(re.search(r"ImportError|ModuleNotFoundError|\bException\b", caught))
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def own_modules(paths: Iterable[str]) -> set[str]:
    """Names that the config's own files can be imported by."""
    return {path.partition("/")[0].removesuffix(".py") for path in paths}


def check_imports(
    found: Mapping[str, int], *, path: str, own: set[str], distributions: set[str], locked: bool
) -> list[Finding]:
    """A warning for every module that neither Python, the config's files nor the environment seem to have.

    `distributions` are names in normal form; with `locked` they are all there will be.
    """
    brought = () if locked else [extra for name in distributions for extra in BROUGHT_ALONG.get(name, ())]
    known = distributions.union(brought)
    missing = [
        name
        for name in found
        if name not in sys.stdlib_module_names | BY_THE_SERVER | own and not known.intersection(candidates(name))
    ]
    return [_warning(name, found[name], path, locked) for name in missing]


def candidates(module: str) -> tuple[str, ...]:
    """Distributions that may hold the module, in normal form."""
    return (*DISTRIBUTIONS.get(module, ()), re.sub(r"[-_.]+", "-", module).lower())


def _warning(module: str, line: int, path: str, locked: bool) -> Finding:
    if nowhere := NOWHERE.get(module):
        return Finding("warning", "import_nowhere", f"{path} imports {module}, {nowhere[0]}.", nowhere[1], path, line)
    certain, package = "has no" if locked else "does not name", candidates(module)[0]
    return Finding(
        "warning",
        "import_uncovered",
        f"{path} imports {module}, and the environment {certain} {package}.",
        f"Add {package} to the environment's requirements, unless another package brings it along.",
        path,
        line,
        package,
    )
