"""What holds for every command: JSON, exit codes, help."""

import subprocess
import sys


def test_not_signed_in_ends_with_3(slipway):
    for command in (["model", "list"], ["service", "list"], ["workspace", "list"]):
        assert slipway(*command).code == 3


def test_wrong_use_ends_with_2(slipway):
    assert slipway("model", "register").code == 2
    assert slipway("no-such-thing").code == 2


def test_help_loads_neither_http_nor_drawing():
    code = "import sys\nfrom slipway.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print([name for name in ('httpx', 'rich.console', 'studio') if name in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert "service" in done.stdout


def test_help_takes_less_than_a_third_of_a_second():
    code = (
        "import resource, subprocess, sys\n"
        "subprocess.run([sys.executable, '-m', 'slipway', '--help'], stdout=subprocess.DEVNULL, check=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime)"
    )
    times = [float(subprocess.check_output([sys.executable, "-c", code], text=True)) for _ in range(3)]
    assert min(times) < 0.3, "seconds of processor time, so that a busy machine does not fail it"


def test_the_version_is_printed(slipway):
    assert slipway("--version").out.startswith("slipway 0.")
