"""What a failed build of an image means. Pure: its output in, an error with its next step out.

Builders and registries have no machine-readable errors, so their sentences are read here and nowhere else; the tests
provoke each of them.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from registry.environments.uv import Outcome, Sources
from registry.environments.uv_failures import failure_of
from studio.core.errors import BadInput, SlipwayError, Temporary

MAX_EVIDENCE = 20_000  # characters
BEFORE = 3  # lines of the log that evidence shows before the first that failed
_FAILING = re.compile(
    r"^\s*(?:error|ERROR|Error|fatal|E:|×|failed|Failed)\b|\berror:|no such file or directory|not found|denied"
    r"|No solution|unable to|cannot |unauthorized",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Failure:
    """`text` may name the groups of the pattern, and `hint` what `{base}` is. `kind`: whose turn it is."""

    code: str
    pattern: re.Pattern[str]
    text: str
    hint: str
    kind: type[SlipwayError] = BadInput


def _failure(code: str, pattern: str, text: str, hint: str, kind: type[SlipwayError] = BadInput) -> Failure:
    return Failure(code, re.compile(pattern, re.IGNORECASE | re.MULTILINE), text, hint, kind)


# In this order: an output may match several, and the first one is the cause of the others.
_FAILURES: Sequence[Failure] = (
    _failure(
        "disk_full",
        r"no space left on device|\(os error (?:28|122)\)",
        "The disk is full where the image is built.",
        "Free space on the engine's machine (docker system df shows what is used), then deploy again.",
        Temporary,
    ),
    _failure(
        "compiler_missing",
        r"(?:command|unable to execute) '?(?P<tool>\S*(?:gcc|g\+\+|cc|clang|cargo|rustc))'? failed: No such file"
        r"|\[Errno 2\][^\n]*'(?P<tool2>\S*(?:gcc|g\+\+|cc|clang))'|unknown compiler|can't find rust compiler"
        r"|error: command '(?P<tool3>\S*(?:gcc|g\+\+|cc))' failed",
        "A package comes without a ready wheel, and the base image has no compiler to build it.",
        "Choose a version that has a wheel for this Python, or give the environment a Docker step that installs the "
        "compiler, such as RUN apt-get update && apt-get install -y --no-install-recommends gcc g++.",
    ),
    _failure(
        "conda_missing",
        r"^The base image has neither micromamba, mamba nor conda",
        "The environment has packages of conda, and its base image has neither micromamba, mamba nor conda.",
        "Choose a base image that has one, such as mambaorg/micromamba; or write the packages as pip requirements.",
    ),
    _failure(
        "base_without_shell",
        r'exec: "/bin/sh": stat /bin/sh: no such file|"/bin/sh": no such file or directory',
        "A Docker step needs a shell, and the base image has none.",
        'Write the step in the form RUN ["program", "argument"], or choose a base image with a shell.',
    ),
    _failure(
        "registry_login",
        r"no basic auth credentials|unauthorized|authentication required|denied: requested access|\b401\b"
        r"|insufficient_scope",
        "The registry does not let the studio in.",
        "Add the registry with its user and password under Settings, Registries, or correct them; then deploy again.",
    ),
    _failure(
        "base_image_missing",
        r"pull access denied|manifest unknown|manifest for \S+ not found|repository does not exist|no such image"
        r"|name unknown|failed to resolve source metadata|: not found$",
        "The base image {base} does not exist where the engine looks for it.",
        "Check its name and tag; an environment names its own base, else SLIPWAY_BASE_IMAGE counts. A private one "
        "needs its registry under Settings, Registries.",
    ),
    _failure(
        "registry_unreachable",
        r"connection refused|no such host|i/o timeout|tls handshake timeout|server gave http response"
        r"|request canceled while waiting|network is unreachable|name resolution|connection reset by peer"
        r"|certificate signed by unknown authority",
        "The registry of images cannot be reached from the engine.",
        "Check the registry's address, and the network or proxy of the engine's machine; then deploy again.",
        Temporary,
    ),
    _failure(
        "python_missing",
        r"No interpreter found for Python (?P<version>[\d.]+)|No interpreter found",
        "The base image {base} has no Python of the environment's version.",
        "Choose a base image with that version, or make an environment with the version that the image has.",
    ),
    _failure(
        "dockerfile_invalid",
        r"dockerfile parse error[^\n]*|unknown instruction[^\n]*|file with no instructions|failed to parse dockerfile"
        r"|dockerfile[^\n]* cannot be empty|syntax error - can't find",
        "The Dockerfile cannot be read.",
        "Correct the line that the evidence names in the environment's Dockerfile or Docker steps.",
    ),
    _failure(
        "build_out_of_memory",
        r"exit code: 137|non-zero code: 137|signal: killed",
        "A step of the build needed more memory than there is, and was killed.",
        "Give the engine's machine more memory, or make the step need less of it.",
    ),
)
_STEP = re.compile(
    r"The command '(?P<classic>.+?)' returned a non-zero code: (?P<code>\d+)"
    r"|executor failed running \[(?P<buildkit>.+?)\]: exit code: (?P<code2>\d+)"
    r'|process "(?P<buildx>.+?)" did not complete successfully: exit code: (?P<code3>\d+)',
    re.DOTALL,
)


def build_failure(outcome: Outcome, *, base: str, requirements: Sequence[str], sources: Sources) -> SlipwayError:
    """The error for a build of an image that did not succeed; its evidence begins where it went wrong."""
    if outcome.ended:
        return failure_of(outcome, requirements, sources)
    error = _known(outcome.output, base) or _by_installer(outcome, requirements, sources) or _by_step(outcome.output)
    error.evidence = from_first_failure(outcome.output)
    return error


def from_first_failure(output: str) -> str:
    """The output from a little before its first line that tells of a failure."""
    lines = output.splitlines()
    first = next((number for number, line in enumerate(lines) if _FAILING.search(line)), max(0, len(lines) - 20))
    return "\n".join(lines[max(0, first - BEFORE) :])[:MAX_EVIDENCE].strip()


def first_failing_line(output: str) -> str:
    """The first line that tells of a failure; the last one where none does."""
    lines = [line for line in output.splitlines() if line.strip()]
    return next((line.strip() for line in lines if _FAILING.search(line)), lines[-1].strip() if lines else "")


def _known(output: str, base: str) -> SlipwayError | None:
    found = next((failure for failure in _FAILURES if failure.pattern.search(output)), None)
    return None if found is None else found.kind(found.text.format(base=base), code=found.code, hint=found.hint)


def _by_installer(outcome: Outcome, requirements: Sequence[str], sources: Sources) -> SlipwayError | None:
    error = failure_of(outcome, requirements, sources)
    return None if error.code == "environment_failed" else error


def _by_step(output: str) -> SlipwayError:
    step = _STEP.search(output)
    if step is None:
        line = first_failing_line(output)
        return SlipwayError(
            f"The image could not be built: {line[:300]}" if line else "The image could not be built.",
            code="image_failed",
            hint="Read the build log; if it does not tell what to change, report it.",
        )
    named = step["classic"] or step["buildkit"] or step["buildx"]
    code = step["code"] or step["code2"] or step["code3"]
    return BadInput(
        f"A Docker step ended with status {code}: {' '.join(named.split())[:300]}",
        code="step_failed",
        hint="Read in the evidence what it printed, correct the environment's Docker steps, and deploy again.",
    )


KNOWN_CODES: tuple[str, ...] = (*(failure.code for failure in _FAILURES), "step_failed", "image_failed")
Explain = Callable[[Outcome], SlipwayError]
