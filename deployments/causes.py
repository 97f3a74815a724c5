"""The catalogue of failures: evidence → cause → next step.

Every reason the scoring server may give, and every code a build may fail with, has an entry; a test keeps it
so. `cause_of` gives what services and builds store and pages show: `SlipwayError.as_dict()`.
"""

import errno
from dataclasses import dataclass
from typing import Any, Literal

from deployments.shown_paths import shorten_paths
from studio.core.errors import SlipwayError

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True)
class Entry:
    """A sentence for when nothing better is known, the next step, whose turn it is, whether again can help.

    `permanent`: starting the same revision again cannot help until somebody changes the code, the environment, the
    model or the config.
    """

    sentence: str
    hint: str
    turn: Literal["user", "us"] = "user"
    retryable: bool = False
    permanent: bool = False


_START: dict[str, Entry] = {
    "script_missing": Entry(
        "The entry script is not there, or it defines no init() or no run().",
        "Check the script's name in the inference config, define both functions at the top level, and deploy again.",
        permanent=True,
    ),
    "script_invalid": Entry(
        "The entry script cannot be used: it is no valid Python, or its run() cannot be called.",
        "Correct the line that the evidence names. run() takes the request's data as its argument: def run(data).",
        permanent=True,
    ),
    "import_missing": Entry(
        "The entry script, or the model's file, needs a module that its environment lacks.",
        "Add the package to the environment's requirements (its name may differ from the module's, such as "
        "scikit-learn for sklearn), make a new inference config with it, and deploy again.",
        permanent=True,
    ),
    "init_failed": Entry(
        "The entry script's init() raised an exception.",
        "Read the traceback below. Model files lie under the folder that AZUREML_MODEL_DIR names; settings that the "
        "script reads from its environment are given with --env NAME=VALUE. Correct the script and deploy again.",
        permanent=True,
    ),
    "model_invalid": Entry(
        "The runtime cannot load the model file.",
        "Check that the file is the model it claims to be and that the runtime knows its version and operators; "
        "export it again, register it as a new version, and deploy that.",
        permanent=True,
    ),
    "port_taken": Entry(
        "Another program already uses the service's port.",
        "Slipway tries again. If it lasts, end that program, or give services another range of ports with "
        "SLIPWAY_LOCAL_PORT_FIRST and SLIPWAY_LOCAL_PORT_LAST.",
        turn="us",
        retryable=True,
    ),
    "out_of_memory": Entry(
        "The service needed more memory than it may use.",
        "Raise memory_gb in the deployment config, lower the number of processes (each loads the model), or deploy "
        "a smaller model.",
    ),
    "warm_up_failed": Entry(
        "The service does not answer its own sample request as it should.",
        "Read the answer below. Where the sample is wrong, correct warm_up in the server options (its body is what "
        "clients send, its path where they send it); where it is right, correct the script or the model. Then deploy "
        "again.",
        permanent=True,
    ),
    "start_timeout": Entry(
        "The service was not ready before its start deadline.",
        "Read the log for what it was doing. Make init() faster, or raise start_deadline_seconds in the deployment "
        "config, and deploy again.",
        permanent=True,
    ),
    "worker_crashed": Entry(
        "The service's process died again and again.",
        "Read the end of the log. A signal such as SIGSEGV points to a native library, SIGKILL to memory, and an "
        "exit to the script itself.",
    ),
    "internal": Entry(
        "The service failed in a way that Slipway does not know.",
        "Read the log and deploy again; if it comes back, report it with the evidence below.",
        turn="us",
        retryable=True,
    ),
}

_BUILD: dict[str, Entry] = {
    "environment_unsolvable": Entry(
        "No set of package versions satisfies all requirements of the environment.",
        "Loosen or correct the requirements that the evidence names, make a new environment, and deploy with it.",
    ),
    "package_unknown": Entry(
        "A required package does not exist where Slipway looks for packages.",
        "Check the spelling of its name; then make a new environment.",
    ),
    "package_unbuildable": Entry(
        "A required package could not be built on this machine.",
        "Choose a version that comes as a ready wheel for this Python version, or install what its build needs.",
    ),
    "conda_packages": Entry(
        "The environment asks for packages of conda, which this kind of target cannot install.",
        "Deploy to a target that runs images, or make a new version of the environment without these packages.",
    ),
    "index_unreachable": Entry(
        "The package index cannot be reached from this machine.",
        "Check the network or proxy and deploy again; or put the wheels into a folder, name it in SLIPWAY_WHEELS "
        "and set SLIPWAY_OFFLINE=true.",
        turn="us",
        retryable=True,
    ),
    "python_missing": Entry(
        "The environment's Python version is not installed on this machine.",
        "Choose an installed version, or ask an administrator to install this one.",
    ),
    "hash_mismatch": Entry(
        "A package's file differs from the one that was locked.",
        "Somebody replaced a file after it was published. Do not go on before you know why.",
        turn="us",
    ),
    "disk_full": Entry(
        "The studio's disk is full.",
        "Ask an administrator to free space, then deploy again.",
        turn="us",
        retryable=True,
    ),
    "environment_timeout": Entry(
        "Making the environment took too long.",
        "Deploy again: what was downloaded is kept. SLIPWAY_BUILD_SECONDS raises the limit.",
        turn="us",
        retryable=True,
    ),
    "environment_failed": Entry(
        "The environment could not be made.",
        "Read the build log; if it does not tell what to change, report it.",
        turn="us",
    ),
    "engine_unavailable": Entry(
        "The Docker engine that builds the image cannot be used.",
        "Check that it runs and that the studio may reach it; then deploy again.",
        turn="us",
        retryable=True,
    ),
    "builder_missing": Entry(
        "SLIPWAY_BUILDER asks for BuildKit, and no docker command of this machine offers it.",
        "Install Docker's command with its buildx plugin beside the studio, or set SLIPWAY_BUILDER=auto.",
        turn="us",
    ),
    "compiler_missing": Entry(
        "A package comes without a ready wheel, and the base image has no compiler to build it.",
        "Choose a version that has a wheel for this Python, or give the environment a Docker step that installs one.",
    ),
    "base_image_missing": Entry(
        "The base image does not exist where the engine looks for it.",
        "Check its name and tag in the environment, or SLIPWAY_BASE_IMAGE; then deploy again.",
    ),
    "conda_missing": Entry(
        "The environment has packages of conda, and its base image has neither micromamba, mamba nor conda.",
        "Choose a base image that has one, such as mambaorg/micromamba; or write the packages as pip requirements.",
    ),
    "base_without_shell": Entry(
        "A Docker step needs a shell, and the base image has none.",
        'Write the step in the form RUN ["program", "argument"], or choose a base image with a shell.',
    ),
    "registry_login": Entry(
        "The registry of images does not let the studio in.",
        "Add the registry with its user and password under Settings, Registries, or correct them; then deploy again.",
    ),
    "registry_unreachable": Entry(
        "The registry of images cannot be reached from the engine.",
        "Check the registry's address, and the network or proxy of the engine's machine; then deploy again.",
        turn="us",
        retryable=True,
    ),
    "dockerfile_invalid": Entry(
        "The Dockerfile cannot be read.",
        "Correct the line that the evidence names in the environment's Dockerfile or Docker steps.",
    ),
    "step_failed": Entry(
        "A step of the environment's Dockerfile failed.",
        "Read in the evidence what it printed, correct the step, and deploy again.",
    ),
    "build_out_of_memory": Entry(
        "A step of the build needed more memory than there is, and was killed.",
        "Give the engine's machine more memory, or make the step need less of it.",
    ),
    "package_failed": Entry(
        "The package could not be made.",
        "Read what the evidence says, and ask for it again.",
        turn="us",
        retryable=True,
    ),
    "image_failed": Entry(
        "The image could not be built.",
        "Read the build log; if it does not tell what to change, report it.",
        turn="us",
    ),
    "build_cancelled": Entry("The build was cancelled.", "Deploy again when you want it after all.", retryable=True),
    "build_failed": Entry(
        "The build failed in a way that Slipway does not know.",
        "Read the build log and deploy again; if it comes back, report it.",
        turn="us",
        retryable=True,
    ),
    "file_lost": Entry(
        "A file of the model or of the inference config is no longer in the store.",
        "Upload the same file again, for example by registering it once more; then deploy again.",
    ),
    "file_damaged": Entry(
        "The stored bytes of a file are no longer those that were uploaded.",
        "Upload the same file again, for example by registering it once more; then deploy again.",
    ),
    "worker_lost": Entry(
        "The worker died several times while building.",
        "Look at the worker's log: it probably ran out of memory. Then deploy again.",
        turn="us",
        retryable=True,
    ),
}

_RUN: dict[str, Entry] = {
    "no_worker": Entry(
        "No worker has taken the build yet.",
        "It starts when the builds before it are done. If nothing else is being built, check that a worker for the "
        "queue 'builds' is running.",
        turn="us",
        retryable=True,
    ),
    "build_timeout": Entry(
        "The build did not end in time.",
        "Read the build log for the step it hangs in, then deploy again. SLIPWAY_BUILD_SECONDS raises the limit.",
        turn="us",
        retryable=True,
    ),
    "no_room": Entry(
        "The target has no room for the service.",
        "Ask for less CPU or memory in the deployment config, or stop services that are no longer needed.",
        retryable=True,
    ),
    "not_built": Entry(
        "What was built for the service is no longer on this machine.",
        "Slipway builds it again. If that fails, read the build log.",
        turn="us",
        retryable=True,
    ),
    "walls_missing": Entry(
        "This machine cannot keep the service's code apart as its settings require.",
        "Install bubblewrap on the studio's machine, or let SLIPWAY_REQUIRE_WALLS name a lower level.",
        turn="us",
        retryable=True,
    ),
    "unreachable": Entry(
        "The service's process lives but does not answer.",
        "It may be overloaded, or stuck in run(). Read the log; stopping and starting replaces the process.",
        retryable=True,
    ),
    "target_unavailable": Entry(
        "The target cannot be asked about the service.",
        "Slipway goes on trying. If it lasts, read the worker's log and check the target.",
        turn="us",
        retryable=True,
    ),
    "not_running": Entry("The service's process is gone.", "Slipway is starting it again.", turn="us", retryable=True),
    "replicas_missing": Entry(
        "Some of the service's replicas are not ready.",
        "The others go on answering, and Slipway starts those that are missing again. If it lasts, read the log of a "
        "replica that is missing.",
        turn="us",
        retryable=True,
    ),
    "not_removed": Entry(
        "Files of the deleted service cannot be removed.",
        "Look at who owns them and what holds them, or remove them by hand; Slipway goes on trying.",
        turn="us",
        retryable=True,
    ),
    "stop_timeout": Entry(
        "The service's process does not end although it was killed.",
        "It may be stuck on a disk or a device. Look at the process; Slipway goes on trying.",
        turn="us",
        retryable=True,
    ),
}

CATALOGUE: dict[str, Entry] = _START | _BUILD | _RUN


def is_permanent(reason: str) -> bool:
    """Whether starting again cannot help; an unknown reason may pass."""
    entry = CATALOGUE.get(reason)
    return entry is not None and entry.permanent


def cause_of(reason: str, message: str = "", evidence: str = "", hint: str = "") -> dict[str, Any]:
    """What to store and show for a failure; an unknown reason counts as `internal` and keeps its name.

    A message or hint of the server's own wins over the catalogue's. Folders of this machine are shortened.
    """
    entry = CATALOGUE.get(reason, CATALOGUE["internal"])
    details = {"hint": hint or entry.hint, "evidence": shorten_paths(evidence)}
    cause = SlipwayError(shorten_paths(message) or entry.sentence, code=reason or "internal", **details)
    cause.turn, cause.retryable = entry.turn, entry.retryable
    return cause.as_dict()


def cause_of_error(error: BaseException) -> dict[str, Any]:
    """The same for what a build raised. Our own errors know their next step already; others get ours."""
    if isinstance(error, SlipwayError):
        facts = error.as_dict()
        facts |= {name: shorten_paths(facts[name]) for name in ("message", "evidence")}
        entry = CATALOGUE.get(error.code)
        return facts | {"hint": facts["hint"] or (entry.hint if entry else "")}
    reason = "disk_full" if isinstance(error, OSError) and error.errno in NO_ROOM else "build_failed"
    return cause_of(reason, evidence=f"{type(error).__name__}: {error}")
