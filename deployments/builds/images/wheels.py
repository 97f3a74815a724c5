"""Fetching the files of a lock to this machine, for builds that may reach no index: offline, private wheels, and the
classic builder, which knows no secrets. Wheels alone: what has none would have to be built, which runs its code."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from deployments.builds.images.programs import run_program
from registry.environments.interpreters import own
from registry.environments.uv import Limits, Outcome, Sources, environment_variables
from registry.environments.uv_failures import IndexUnreachable, InstallFailed, Unsolvable, failure_of
from registry.environments.wheel_places import files_in, without_files
from studio.core.errors import SlipwayError, Temporary
from studio.core.tee import Log

OLDEST_GLIBC, NEWEST_GLIBC = 17, 36  # 2.x: the images' own is the newest that counts
PASSED_ON = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
MAX_EVIDENCE = 20_000
TORCH_INDEX = "https://download.pytorch.org/whl"  # builds such as 2.13.0+cpu are nowhere else
_TORCH_BUILD = re.compile(r"^torch(?:vision|audio)?==[\w.]+\+(cpu|cu\d{3})\b", re.MULTILINE)
_MISSING = re.compile(r"No matching distribution found for (\S+)")


def fetch_wheels(
    lock: str, python_version: str, folder: Path, *, sources: Sources, log: Log, limits: Limits
) -> dict[str, Path]:
    """The wheels of a lock, by name, in `folder`; each is compared with its hash. Private ones stay where they lie.
    Raises `SlipwayError`."""
    folder.mkdir(parents=True, exist_ok=True)
    private = {path.name: path for path in sorted(Path(sources.private).glob("*.whl"))} if sources.private else {}
    lock = without_files(lock, files_in(sources.private))
    if "==" not in lock:
        return private
    (folder.parent / "fetch.lock").write_text(lock)
    arguments = [
        *(
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "--no-input",
            "download",
            "--progress-bar",
            "off",
        ),
        *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--dest", str(folder)),
        *(["--find-links", sources.wheels] if sources.wheels else []),
        *(["--no-index"] if sources.offline else []),
        *(
            ["--extra-index-url", f"{TORCH_INDEX}/{build}"]
            if (build := torch_build(lock)) and not sources.offline
            else []
        ),
        *_for_python(python_version),
        *("--requirement", str(folder.parent / "fetch.lock")),
    ]
    outcome = run_program(arguments, folder=folder, variables=_variables(), log=log, limits=limits, clean=_clean)
    if not outcome.ok:
        raise _failure(outcome, sources)
    return {path.name: path for path in sorted(folder.glob("*.whl"))} | private


def torch_build(lock: str) -> str:
    """Which builds of PyTorch a lock has: cpu, cu126; empty for those of the package index."""
    found = _TORCH_BUILD.search(lock)
    return found[1] if found else ""


def _for_python(version: str) -> list[str]:
    """Which wheels fit, where the image has another Python than the studio."""
    if not version or version == own().minor or version == own().version:
        return []
    minor = "".join(version.split(".")[:2])
    platforms = [f"manylinux_2_{number}_x86_64" for number in range(OLDEST_GLIBC, NEWEST_GLIBC + 1)]
    found = ["--python-version", version, "--implementation", "cp"]
    for tag in (f"cp{minor}", "abi3", "none"):
        found += ["--abi", tag]
    for platform in (*platforms, "manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "any"):
        found += ["--platform", platform]
    return found


def _variables() -> Mapping[str, str]:
    own_settings = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name in PASSED_ON}
    return environment_variables() | own_settings


def _clean(line: str) -> str:
    """Without what says no more than that a file has been there before."""
    return "" if re.match(r"\s*(?:File was already downloaded|Using cached|Obtaining dependency)", line) else line


def _failure(outcome: Outcome, sources: Sources) -> SlipwayError:
    error = failure_of(outcome, (), sources) if outcome.ended else _explained(outcome.output, sources)
    error.evidence = outcome.output[-MAX_EVIDENCE:].strip()
    return error


def _explained(output: str, sources: Sources) -> SlipwayError:
    if "No space left on device" in output:
        return Temporary(
            "The studio's disk is full: the packages could not be fetched.",
            code="disk_full",
            hint="Ask an administrator to free space, then deploy again.",
        )
    if "DO NOT MATCH THE HASHES" in output:
        return InstallFailed(
            "A package's file is not the one that was locked: its hash differs.",
            code="hash_mismatch",
            hint="Somebody replaced the file after the environment was locked. Find out why before you go on.",
        )
    if re.search(r"Max retries exceeded|NewConnectionError|name resolution|CERTIFICATE_VERIFY|ConnectTimeout", output):
        return IndexUnreachable(
            "The package index cannot be reached from this machine, so the packages could not be fetched.",
            hint="Check the network or proxy and deploy again; or put the wheels into a folder, name it in "
            "SLIPWAY_WHEELS and set SLIPWAY_OFFLINE=true.",
        )
    if found := _MISSING.search(output):
        return _without_wheel(found[1], sources)
    if "No module named pip" in output:
        return InstallFailed("The studio's Python has no pip, which fetches packages.", hint="Run: make setup")
    return InstallFailed("The packages could not be fetched.", hint="Read the build log for what pip said.")


def _without_wheel(package: str, sources: Sources) -> SlipwayError:
    if sources.offline:
        return Unsolvable(
            f"This studio works without network, and its wheel folder has no {package}.",
            code="package_unknown",
            hint=f"Ask an administrator to put the wheel into {sources.wheels or 'the folder SLIPWAY_WHEELS names'}.",
        )
    return Unsolvable(
        f"The package {package} has no ready wheel for this Python version and Linux.",
        code="package_unbuildable",
        hint="Choose a version that has one, or put a wheel into the folder that SLIPWAY_WHEELS names.",
    )
