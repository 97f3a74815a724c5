"""What images look like inside: places, variables, user and command. Pure."""

from scoring.opt_outs import OPT_OUTS

ROOT = "/opt/slipway"
ENVIRONMENT = f"{ROOT}/environment"
LIBRARY = f"{ROOT}/library"
BUNDLE = f"{ROOT}/bundle"
PYTHON = f"{ENVIRONMENT}/bin/python"
USER = "65532:65532"
USER_NAME = "slipway"
PORT = 5001  # as Azure's containers
TEMPORARY = "/tmp"  # noqa: S108 - of the container

VARIABLES = OPT_OUTS | {
    "HOME": TEMPORARY,
    "TMPDIR": TEMPORARY,
    "MPLCONFIGDIR": f"{TEMPORARY}/matplotlib",
    "USER": USER_NAME,
    "LOGNAME": USER_NAME,
    "PATH": f"{ENVIRONMENT}/bin:/usr/local/bin:/usr/bin:/bin",
    "PYTHONPATH": LIBRARY,
    "PYTHONSAFEPATH": "1",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
}
ENTRYPOINT = [PYTHON, "-m", "scoring"]
PROBE = [PYTHON, "-c", f"import urllib.request as r; r.urlopen('http://127.0.0.1:{PORT}/v2/health/ready', timeout=4)"]
# Of packages alone: the engine starts a process for each look, and the studio looks for itself. Times are nanoseconds.
HEALTH_CHECK = {"Test": ["CMD", *PROBE], "Interval": 30 * 10**9, "Timeout": 5 * 10**9, "StartPeriod": 120 * 10**9}


def service_settings(labels: dict[str, str]) -> dict[str, object]:
    """The config of a service's image."""
    return {
        "User": USER,
        "WorkingDir": TEMPORARY,
        "Entrypoint": ENTRYPOINT,
        "Cmd": [],
        "Env": [f"{name}={value}" for name, value in VARIABLES.items()],
        "ExposedPorts": {f"{PORT}/tcp": {}},
        "StopSignal": "SIGTERM",
        "Labels": labels,
    }
